internal import CKafkaShim
import Telemetry

/// Partitions that the member of the group holds and another reader reads. The member keeps them paused: their offsets are
/// stored and committed through it, and it goes on to say what the group wants.
extension Consumer {
    /// Who is to read each of `count` more partitions: the member while they are few, else readers beside it, which are
    /// made here.
    func places(for count: Int) -> [Int] {
        var loads = Array(repeating: 0, count: readers.count)
        for slot in slots.slots where slot.isHeld { loads[slot.reader] += 1 }
        let member = Array(repeating: 0, count: count)
        if loads[0] + count <= readerCapacity { return member }
        let beside = loads.dropFirst().reduce(count, +)
        let wanted = min(Reader.limit, (beside + readerCapacity - 1) / readerCapacity)
        while readers.count <= wanted {
            do throws(KafkaError) {
                readers.append(try makeReader())
                loads.append(0)
            } catch {
                Log.warning(
                    "Kafka client for more partitions not made", ["kafka.group": group, "kafka.error": "\(error)"])
                break
            }
        }
        if readers.count == 1 { return member }
        return member.map { _ in
            let place = (1..<loads.count).min { loads[$0] < loads[$1] }!
            loads[place] += 1
            return place
        }
    }

    /// Has the readers beside the member read what is theirs; nothing when it throws.
    func give(_ found: [FoundPosition], to places: [Int]) throws(KafkaError) {
        for (number, reader) in readers.enumerated().dropFirst() {
            let list = PartitionList(capacity: found.count)
            for (each, place) in zip(found, places) where place == number {
                list.add(each.partition, offset: each.position)
            }
            if list.count > 0, let failure = reader.add(list) {
                takeBack(zip(found, places).filter { $1 < number }.map { ($0.partition, $1) })
                throw .failed(attempt: "read \(list.count) partitions", failure)
            }
        }
    }

    /// Has the readers beside the member read these no longer, and throws away what was fetched of them.
    func takeBack(_ partitions: [(partition: TopicPartition, reader: Int)]) {
        for (number, reader) in readers.enumerated().dropFirst() {
            let list = PartitionList(partitions.filter { $0.reader == number }.map(\.partition))
            if list.count > 0, let failure = reader.remove(list) { append(.failure(failure)) }
        }
    }

    /// Each reader with those of the slots that it reads.
    func byReader(_ numbers: [Int32]) -> [(reader: Reader, numbers: [Int32])] {
        if readers.count == 1 { return [(readers[0], numbers)] }
        return readers.enumerated().map { place, reader in
            (reader, numbers.filter { slots.slots[Int($0)].reader == place })
        }.filter { !$0.numbers.isEmpty }
    }
}
