import Foundation

/// Server certificates of every kind, made with the openssl command in a temporary folder.
package final class Certificates: Sendable {
    /// Paths of one server certificate, its key, and the authority to trust for it.
    package struct Pair: Sendable {
        package let certificate: String
        package let key: String
        package let authority: String
    }

    package let folder: TemporaryFolder
    /// The authority that signed `good`, `expired` and `wrongHost`.
    package let authority: String
    /// For localhost, 127.0.0.1 and ::1.
    package let good: Pair
    /// Ended in 2001.
    package let expired: Pair
    /// For other.example.
    package let wrongHost: Pair
    /// Signed with its own key; trusted by nobody.
    package let selfSigned: Pair

    package init() throws {
        let folder = try TemporaryFolder("certificates")
        self.folder = folder
        let authority = folder.file("ca.crt")
        self.authority = authority
        try Self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=Klinecast test authority", "-keyout", folder.file("ca.key"), "-out", authority)
        let hosts = "DNS:localhost,IP:127.0.0.1,IP:::1"
        good = try Self.signed("good", hosts, in: folder)
        expired = try Self.signed("expired", hosts, in: folder, until: "20010101000000Z")
        wrongHost = try Self.signed("wronghost", "DNS:other.example", in: folder)
        let pair = Pair(certificate: folder.file("self.crt"), key: folder.file("self.key"), authority: authority)
        try Self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=\(hosts)", "-keyout", pair.key, "-out", pair.certificate)
        selfSigned = pair
    }

    private static func signed(_ name: String, _ hosts: String, in folder: TemporaryFolder, until end: String? = nil)
        throws
        -> Pair
    {
        let pair = Pair(
            certificate: folder.file("\(name).crt"), key: folder.file("\(name).key"), authority: folder.file("ca.crt"))
        let request = folder.file("\(name).csr")
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)", "-addext",
            "subjectAltName=\(hosts)", "-keyout", pair.key, "-out", request)
        // `openssl x509` cannot end a certificate in the past, `openssl ca` can; it wants a small database.
        let settings = folder.file("\(name).conf")
        let database = folder.file("\(name).index")
        try Data().write(to: URL(fileURLWithPath: database))
        try Data(
            """
            [ca]
            default_ca = own
            [own]
            database = \(database)
            new_certs_dir = \(folder.path)
            rand_serial = yes
            default_md = sha256
            policy = any
            copy_extensions = copy
            [any]
            commonName = supplied

            """.utf8
        ).write(to: URL(fileURLWithPath: settings))
        let dates = end.map { ["-startdate", "20000101000000Z", "-enddate", $0] } ?? ["-days", "2"]
        try openssl(
            [
                "ca", "-batch", "-notext", "-config", settings, "-cert", folder.file("ca.crt"), "-keyfile",
                folder.file("ca.key"),
            ]
                + ["-in", request, "-out", pair.certificate] + dates)
        return pair
    }

    private static func openssl(_ arguments: String...) throws { try openssl(arguments) }
    private static func openssl(_ arguments: [String]) throws {
        let process = try ChildProcess("openssl", arguments)
        guard process.waitForExit() == 0 else {
            throw NeverHappened(description: "openssl \(arguments.joined(separator: " ")): \(process.text)")
        }
    }
}
