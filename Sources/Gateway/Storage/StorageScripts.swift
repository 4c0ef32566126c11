/// The programs that Redis runs: one a change, so that all of it happens or nothing.
///
/// Lua in Redis is atomic, yet nothing is rolled back when a call in the middle fails. So each script looks at everything
/// first; then does once, without an effect, every kind of write that it will need, which is where a missing right, full memory
/// or a replica shows; and writes last. (Rights to keys are looked at before a script begins, since its KEYS name them.) They run on Redis 6.2 and later.
enum StorageScripts {
    /// Takes the keys' types for granted no longer, and sees to it that the meta data belongs to what is stored.
    ///
    /// A new incarnation is drawn when the server is another process than the one that wrote last (restart, failover), when
    /// something is missing: the version, the meta data, or symbols and workers by their numbers; or when the caller saw a later
    /// version of this incarnation (keys that were put back from a copy). Then writes may have been
    /// lost that were acknowledged, and with them epochs that were handed out. The epoch floor goes 2^20 above all that is
    /// stored and all that the caller knows: more than a million changes would have to be lost before an epoch came twice.
    /// It goes on doing so up to `Epoch.limit` (2^53 - 1). Reports of workers bring it to 2^51 at most (`Epoch.reportLimit`), so
    /// that 2^32 incarnations are left, one a second for 136 years. An epoch above 2^52, and 2^20 above the floor, was
    /// written by hand: it does not take part.
    /// Where even the floor is gone nothing stored can be believed: then it is at least 2^10 for each millisecond since 2026
    /// began, which stays below 2^51 for 69 years, and is above what an earlier life of this storage can have reached, since
    /// nobody stores a thousand changes in a millisecond.
    ///
    /// KEYS: meta, version, placements, workers; further ones by script.
    /// ARGV: a new incarnation, should one be needed; the highest epoch that the caller knows; the incarnation and version
    /// of the state that it saw, empty for none.
    /// Leaves: `incarnation`, `version`, `floor`, `since` (the incarnation's first version); `now`, milliseconds since 1970.
    private static let prelude = #"""
        local META, VERSION, PLACED, WORKERS, HISTORY, REQUEST = unpack(KEYS)
        local kinds = {'hash', 'string', 'hash', 'hash', 'stream', 'string'}
        for i, key in ipairs(KEYS) do
          local kind = redis.call('TYPE', key).ok
          if kind ~= 'none' and kind ~= kinds[i] then return {'foreign', key, kind, kinds[i]} end
        end
        local function whole(text) return text and #text <= 16 and string.match(text, '^%d+$') and text end
        local function spell(number) return string.format('%.0f', number) end
        local time = redis.call('TIME')
        local now = spell(time[1] * 1000 + math.floor(time[2] / 1000))
        local incarnation, version, floor, since
        local function establish()
          local meta = redis.call('HMGET', META, 'incarnation', 'run_id', 'epoch_floor', 'since', 'symbols', 'workers')
          local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
          local symbols, workers = redis.call('HLEN', PLACED), redis.call('HLEN', WORKERS)
          incarnation = meta[1] and #meta[1] == 16 and string.match(meta[1], '^%x+$')
          version = whole(redis.call('GET', VERSION))
          floor, since = whole(meta[3]), whole(meta[4])
          local isBack = incarnation and incarnation == ARGV[3] and tonumber(version or '0') < tonumber(ARGV[4])
          if incarnation and version and floor and since and meta[2] == run and not isBack
            and tonumber(meta[5]) == symbols and tonumber(meta[6]) == workers then return end
          local highest = math.max(tonumber(floor or '0'), tonumber(ARGV[2]))
          local believed = math.max(2 ^ 52, highest + 2 ^ 20)
          for _, text in ipairs(redis.call('HVALS', PLACED)) do
            local epoch = whole(string.match(text, '"epoch"%s*:%s*(%d+)'))
            if epoch and tonumber(epoch) <= believed then highest = math.max(highest, tonumber(epoch)) end
          end
          if not floor then highest = math.max(highest, (tonumber(now) - 1767225600000) * 2 ^ 10) end
          if highest < 2 ^ 53 - 2 ^ 20 then highest = highest + 2 ^ 20 end
          floor = spell(math.min(highest, 2 ^ 53 - 1))
          incarnation, version = ARGV[1], version or '0'
          since = version
          redis.call('HSET', META, 'incarnation', incarnation, 'run_id', run, 'epoch_floor', floor, 'since', since,
            'symbols', symbols, 'workers', workers)
          redis.call('SET', VERSION, version)
        end

        """#

    /// Ends a script for a request that was carried out before, or was made for another state.
    ///
    /// ARGV from 3: expected incarnation and version; fingerprint of the request.
    private static let condition = #"""
        local stored = REQUEST and redis.call('GET', REQUEST)
        if stored then
          local cut = string.find(stored, '\n', 1, true)
          if not cut or string.sub(stored, 1, cut - 1) ~= ARGV[5] then return {'reused'} end
          return {'repeated', string.sub(stored, cut + 1)}
        end
        establish()
        if incarnation ~= ARGV[3] or version ~= ARGV[4] then return {'conflict', incarnation, version} end

        """#

    /// All that is stored, or that it is what the caller has.
    ///
    /// KEYS: meta, version, placements, workers.
    /// ARGV: a new incarnation, the highest known epoch, the caller's incarnation and version (empty for none).
    /// Result: `same`; or `whole`, incarnation, version, floor, since, and the two hashes, each a list of names and values.
    static let read = Script(
        "read",
        prelude + #"""
            establish()
            if incarnation == ARGV[3] and version == ARGV[4] then return {'same'} end
            return {'whole', incarnation, version, floor, since,
              redis.call('HGETALL', PLACED), redis.call('HGETALL', WORKERS)}
            """#)

    /// One change.
    ///
    /// KEYS: meta, version, placements, workers, history, and the request's own key where it has one.
    /// ARGV: a new incarnation, the highest known epoch; expected incarnation and version; fingerprint and answer of the
    /// request; its life in seconds; the new epoch floor; channel; action and author, each as JSON; the members of the history
    /// entry behind version and time; the entries and bytes that history keeps; then five numbers and as many lists: placements to be
    /// stamped with the time (symbol, JSON up to the time), others (symbol, JSON), symbols to be removed, workers (name,
    /// JSON), workers to be removed.
    /// Result: `stored`, version, time; `conflict`, incarnation, version; `repeated`, answer; `reused`.
    static let commit = Script(
        "commit",
        prelude + condition + #"""
            local first = 20
            local stamped, others, removed, workers, leavers = unpack(ARGV, 15, 19)
            stamped, others, removed = tonumber(stamped), tonumber(others), tonumber(removed)
            workers, leavers = tonumber(workers), tonumber(leavers)
            if #ARGV ~= first - 1 + (stamped + others + workers) * 2 + removed + leavers then
              return redis.error_reply('ERR the lists of a change are not as long as their numbers say')
            end
            local following = spell(tonumber(version) + 1)
            local numbered = '{"version":' .. following

            local failure
            local function attempt(...)
              if failure then return end
              local reply = redis.pcall(...)
              if type(reply) == 'table' and reply.err then failure = reply end
            end
            attempt('HSET', META, 'incarnation', incarnation)
            attempt('SET', VERSION, version)
            attempt('HDEL', PLACED, '')
            -- All of it: a sample would be of the oldest entries.
            local size = redis.pcall('MEMORY', 'USAGE', HISTORY, 'SAMPLES', 0)
            while not failure and type(size) == 'number' and size > tonumber(ARGV[14]) do
              local entries = redis.call('XLEN', HISTORY)
              if entries < 2 then break end
              attempt('XTRIM', HISTORY, 'MAXLEN', math.floor(entries / 2))
              size = redis.pcall('MEMORY', 'USAGE', HISTORY, 'SAMPLES', 0)
            end
            if type(size) == 'table' and size.err then return size end
            attempt('PUBLISH', ARGV[9], numbered .. ',"incarnation":"' .. incarnation .. '","action":' .. ARGV[10]
              .. ',"author":' .. ARGV[11] .. '}')
            attempt('XADD', HISTORY, 'MAXLEN', '~', ARGV[13], '*', 'entry',
              numbered .. ',"at":' .. now .. ',"action":' .. ARGV[10] .. ',"author":' .. ARGV[11] .. ',' .. ARGV[12])
            if failure then return failure end

            local function write(command, key, count)
              local last = first + count
              while first < last do
                local stop = math.min(first + 1000, last)
                redis.call(command, key, unpack(ARGV, first, stop - 1))
                first = stop
              end
            end
            for at = first + 1, first + stamped * 2, 2 do ARGV[at] = ARGV[at] .. now .. '}' end
            write('HSET', PLACED, (stamped + others) * 2)
            write('HDEL', PLACED, removed)
            write('HSET', WORKERS, workers * 2)
            write('HDEL', WORKERS, leavers)
            if tonumber(ARGV[8]) > tonumber(floor) then floor = ARGV[8] end
            redis.call('HSET', META, 'epoch_floor', floor, 'symbols', redis.call('HLEN', PLACED), 'workers',
              redis.call('HLEN', WORKERS))
            redis.call('SET', VERSION, following)
            if REQUEST then redis.call('SET', REQUEST, ARGV[5] .. '\n' .. ARGV[6], 'EX', ARGV[7]) end
            return {'stored', following, now}
            """#)

    /// The answer to a request that had nothing to change.
    ///
    /// KEYS: as `commit`, the request's own always.
    /// ARGV: the first seven of `commit`.
    /// Result: `kept`; else as `commit`.
    static let keep = Script(
        "keep",
        prelude + condition + #"""
            redis.call('SET', REQUEST, ARGV[5] .. '\n' .. ARGV[6], 'EX', ARGV[7])
            return {'kept'}
            """#)

    /// Takes or renews a lease. KEYS: the lease. ARGV: token, milliseconds. Result: 1 when it is the token's.
    static let acquire = Script(
        "acquire",
        #"""
        local holder = redis.call('GET', KEYS[1])
        if holder and holder ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """#)

    /// Takes or renews leases that no other holds. KEYS: the leases. ARGV: token, milliseconds. Result: how many it took.
    static let heartbeats = Script(
        "heartbeats",
        #"""
        local count = 0
        for _, lease in ipairs(KEYS) do
          local holder = redis.call('GET', lease)
          if not holder or holder == ARGV[1] then
            redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
            count = count + 1
          end
        end
        return count
        """#)

    /// Gives a lease back. KEYS: the lease. ARGV: token. Result: 1 when it was the token's.
    static let release = Script(
        "release",
        #"""
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        return redis.call('DEL', KEYS[1])
        """#)

    /// How long leases still last. KEYS: the leases. Result: milliseconds for each, -2 for one that nobody holds.
    static let remaining = Script(
        "remaining",
        #"""
        local times = {}
        for place, lease in ipairs(KEYS) do times[place] = redis.call('PTTL', lease) end
        return times
        """#)

    /// Notes the controller's last look, while it is the controller: what an earlier one sends late is not written.
    /// KEYS: progress, the controller's lease. ARGV: its JSON up to the time, the controller's token. Result: 1 when written.
    static let post = Script(
        "post",
        #"""
        if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
        local time = redis.call('TIME')
        local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
        redis.call('SET', KEYS[1], ARGV[1] .. now .. '}')
        return 1
        """#)
}
