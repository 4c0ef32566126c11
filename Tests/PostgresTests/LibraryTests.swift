import Testing

@testable import Postgres

@Suite struct LibraryTests {
    @Test func theVersionHasAMajorAndAMinorNumber() {
        let parts = PostgresLibrary.version.split(separator: ".").compactMap { Int($0) }
        #expect(parts.count >= 2)
    }
}
