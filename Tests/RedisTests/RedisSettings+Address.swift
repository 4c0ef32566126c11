import Redis

import struct Configuration.RedisURL

extension RedisSettings {
    /// The settings that an address gives: `redis://127.0.0.1:6379/3`.
    init(address: String) throws { self.init(try RedisURL(parsing: address)) }
}
