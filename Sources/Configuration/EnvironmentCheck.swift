/// Finds variables that were probably meant for us. An unknown variable is never an error: the environment belongs to
/// everybody.
enum EnvironmentCheck {
    static func warnings(_ environment: [String: String]) -> [String] {
        let known = Set(Options.all.flatMap(\.allEnvironment))
        let prefixes = Set(known.compactMap(prefix))
        return environment.keys.sorted().compactMap { variable -> String? in
            if known.contains(variable) { return nil }
            let nearest = nearest(to: variable, known)
            if variable.hasPrefix("KLINECAST_") {
                return "\(variable) is no variable of klinecast" + (nearest.map { "; did you mean \($0)?" } ?? "")
            }
            guard let prefix = prefix(variable), prefixes.contains(prefix), let nearest else { return nil }
            return "\(variable) is not read; did you mean \(nearest)?"
        }
    }

    private static func prefix(_ variable: String) -> String? {
        variable.contains("_") ? String(variable.prefix { $0 != "_" }) : nil
    }

    /// At most two changes, and never more than one in four characters: `KAFKA_HOME` and `KAFKA_OPTS` are others' names.
    private static func nearest(to variable: String, _ known: Set<String>) -> String? {
        let stripped = variable.hasPrefix("KLINECAST_") ? String(variable.dropFirst(10)) : variable
        if known.contains(stripped) { return stripped }
        guard let found = Suggestion.nearest(to: stripped, among: known.sorted()) else { return nil }
        let distance = Suggestion.distance(stripped, found)
        let tail = stripped.drop { $0 != "_" }.count
        return distance <= 2 && distance * 4 <= tail ? found : nil
    }
}
