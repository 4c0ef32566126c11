/// One line of `klinecast config`.
package struct EffectiveValue: Sendable, Equatable {
    package let name: String
    /// With secrets hidden; empty when unset.
    package let value: String
    package let isSet: Bool
    package let origin: String
}

extension Settings {
    /// Every value in the order of the declarations, secrets hidden: for `config`, its `--json` and `/diagnostic`.
    package var effectiveValues: [EffectiveValue] {
        Options.all.map { option in
            let entry = entry(option.name)
            return EffectiveValue(
                name: option.name, value: entry.value.shown(as: option.kind), isSet: entry.value != .unset,
                origin: entry.origin.description)
        }
    }

    /// The table that `klinecast config` prints.
    package var effectiveText: String {
        let rows = effectiveValues
        let nameWidth = rows.map(\.name.count).max() ?? 0
        let valueWidth = min(60, rows.map(\.value.count).max() ?? 0)
        return rows.map { row in
            let value = row.isSet ? row.value : "-"
            return row.name + String(repeating: " ", count: nameWidth - row.name.count + 2) + value
                + String(repeating: " ", count: max(0, valueWidth - value.count) + 2) + row.origin + "\n"
        }.joined()
    }
}

/// Printed or reflected, settings hide their secrets too.
extension Settings: CustomStringConvertible, CustomReflectable {
    package var description: String { effectiveText }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
