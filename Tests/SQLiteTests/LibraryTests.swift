import Testing

@testable import SQLite

@Suite struct LibraryTests {
    @Test func theVersionHasAMajorAndAMinorNumber() {
        let parts = SQLiteLibrary.version.split(separator: ".").compactMap { Int($0) }
        #expect(parts.count >= 2)
    }
}
