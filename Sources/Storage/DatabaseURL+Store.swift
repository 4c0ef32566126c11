package import Configuration
package import Persister

extension DatabaseURL {
    package func store(group: String, statementTimeout: Duration) -> any Store { fatalError() }
}
