import HTTP

/// The gateway's /openapi.json: exact enough to make requests from, and to check answers by.
extension GatewayAPI {
    package static func document(version: String, port: Int) -> [UInt8] {
        OpenAPIDocument.document(
            "gateway", "the gateway, and the assignments: which worker serves which symbol", "Redis", port, version,
            paths: readPaths + ",\n" + writePaths, schemas: schemas, components: components)
    }

    private static let readPaths: String = #"""
        "/ws/assignments": {"get": {
          "operationId": "assignments", "summary": "Which worker serves which symbol",
          "parameters": [{"$ref": "#/components/parameters/IfNoneMatch"}],
          "responses": {
            "200": {"description": "All of it", "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Assignments"}}}},
            "304": {"description": "What the reader has is still so"},
            "500": {"$ref": "#/components/responses/Failed"}, "503": {"$ref": "#/components/responses/Unavailable"}
          }}},
        "/ws/assignments.csv": {
          "get": {
            "operationId": "exportAssignments", "summary": "The same as CSV: symbol,worker,assigned_at",
            "parameters": [{"$ref": "#/components/parameters/IfNoneMatch"}],
            "responses": {
              "200": {"description": "A header line, then a line for each symbol",
                "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                "content": {"text/csv": {"schema": {"type": "string"}}}},
              "304": {"description": "What the reader has is still so"},
              "500": {"$ref": "#/components/responses/Failed"}, "503": {"$ref": "#/components/responses/Unavailable"}
            }},
          "put": {
            "operationId": "importAssignments",
            "summary": "The file's rows become the whole assignment, or join it", "security": [{}, {"token": []}],
            "parameters": [
              {"name": "live", "in": "query", "schema": {"enum": ["true", "false"], "default": "true"}},
              {"name": "keep_others", "in": "query", "description": "Symbols that the file does not name stay",
                "schema": {"enum": ["true", "false"], "default": "false"}},
              {"name": "timeframes", "in": "query", "description": "Apart by commas, for symbols that are new",
                "schema": {"type": "string",
                  "pattern": "^(1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)(,(1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M))*$"}},
              {"$ref": "#/components/parameters/IfMatch"}, {"$ref": "#/components/parameters/IdempotencyKey"}],
            "requestBody": {"required": true, "content": {"text/csv": {
              "schema": {"type": "string", "minLength": 1}, "example": "symbol,worker\nBTCUSDT,ws-worker-1:8088\n"}}},
            "responses": {
              "200": {"$ref": "#/components/responses/Dispatched"}, @failures@
            }}},
        "/ws/history": {"get": {
          "operationId": "history", "summary": "Changes, the newest first",
          "parameters": [{"name": "limit", "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}}],
          "responses": {
            "200": {"description": "At most as many as asked for",
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/History"}}}},
            "400": {"$ref": "#/components/responses/Bad"},
            "500": {"$ref": "#/components/responses/Failed"}, "503": {"$ref": "#/components/responses/Unavailable"}
          }}}
        """#.replacing("@failures@", with: failures)

    private static let writePaths: String = #"""
        "/ws/dispatch": {"post": {
          "operationId": "dispatch", "summary": "Give symbols workers; symbols that are not named stay",
          "security": [{}, {"token": []}],
          "parameters": [{"$ref": "#/components/parameters/IfMatch"}, {"$ref": "#/components/parameters/IdempotencyKey"}],
          "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Dispatch"},
            "example": {"symbols": ["BTCUSDT", "ETHUSDT"], "strategy": "least", "capacity": 20, "live": false}}}},
          "responses": {"200": {"$ref": "#/components/responses/Dispatched"}, @failures@}}},
        "/ws/rebalance": {"post": {
          "operationId": "rebalance", "summary": "Bring the loads close to each other with as few moves as possible",
          "security": [{}, {"token": []}],
          "parameters": [{"$ref": "#/components/parameters/IfMatch"}, {"$ref": "#/components/parameters/IdempotencyKey"}],
          "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Rebalance"},
            "example": {"symbols": "all", "max_moves": 5, "live": false}}}},
          "responses": {
            "200": {"description": "Carried out, or planned with live false",
              "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Rebalanced"}}}}, @failures@}}},
        "/ws/subscribe": {"post": {
          "operationId": "subscribe",
          "summary": "A symbol gets these timeframes too, and the least loaded worker if it has none",
          "security": [{}, {"token": []}],
          "parameters": [{"$ref": "#/components/parameters/IfMatch"}, {"$ref": "#/components/parameters/IdempotencyKey"}],
          "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Subscribe"}, "example": {"symbol": "BTCUSDT", "tfs": ["1m", "5m"]}}}},
          "responses": {"200": {"$ref": "#/components/responses/Dispatched"}, @failures@}}},
        "/ws/unsubscribe": {"post": {
          "operationId": "unsubscribe",
          "summary": "A symbol loses these timeframes, or, with the last of them or when none are named, its worker",
          "security": [{}, {"token": []}],
          "parameters": [{"$ref": "#/components/parameters/IfMatch"}, {"$ref": "#/components/parameters/IdempotencyKey"}],
          "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Unsubscribe"}, "example": {"symbol": "BTCUSDT", "tfs": ["5m"]}}}},
          "responses": {
            "200": {"$ref": "#/components/responses/Dispatched"}, @failures@}}},
        "/ws/workers": {
          "get": {
            "operationId": "workers", "summary": "Who may serve symbols, and what they could not be told yet",
            "responses": {
              "200": {"description": "In the order of registration",
                "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Workers"}}}},
              "500": {"$ref": "#/components/responses/Failed"}, "503": {"$ref": "#/components/responses/Unavailable"}
            }},
          "post": {
            "operationId": "changeWorker",
            "summary": "Register a worker or change it; with state alone: drain it, or take it back",
            "security": [{}, {"token": []}],
            "parameters": [{"$ref": "#/components/parameters/IfMatch"}, {"$ref": "#/components/parameters/IdempotencyKey"}],
            "requestBody": {"required": true, "content": {"application/json": {
              "schema": {"$ref": "#/components/schemas/WorkerChange"},
              "example": {"name": "ws-worker-1:8088", "capacity": 200}}}},
            "responses": {"200": {"$ref": "#/components/responses/WorkerChanged"}, @failures@}},
          "delete": {
            "operationId": "removeWorker", "summary": "Take a worker without symbols out of the register",
            "security": [{}, {"token": []}],
            "parameters": [
              {"name": "name", "in": "query", "required": true, "schema": {"$ref": "#/components/schemas/WorkerName"}},
              {"name": "abandon", "in": "query",
                "description": "Also one with symbols, which get another worker at the next rebalance",
                "schema": {"enum": ["true", "false"], "default": "false"}},
              {"$ref": "#/components/parameters/IfMatch"}, {"$ref": "#/components/parameters/IdempotencyKey"}],
            "responses": {"200": {"$ref": "#/components/responses/WorkerChanged"}, @failures@}}}
        """#.replacing("@failures@", with: failures)

    /// What any write may be answered.
    private static let failures: String = #"""
        "400": {"$ref": "#/components/responses/Bad"}, "401": {"$ref": "#/components/responses/Unauthorized"},
              "403": {"$ref": "#/components/responses/CrossSite"}, "404": {"$ref": "#/components/responses/NotFound"},
              "409": {"$ref": "#/components/responses/Impossible"},
              "412": {"$ref": "#/components/responses/Changed"}, "413": {"$ref": "#/components/responses/TooLarge"},
              "415": {"$ref": "#/components/responses/WrongType"}, "422": {"$ref": "#/components/responses/KeyReused"},
              "500": {"$ref": "#/components/responses/Failed"}, "503": {"$ref": "#/components/responses/Unavailable"}
        """#

    private static let components: String = #"""
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer",
          "description": "CONTROL_TOKEN of the gateway, where it has one"}},
        "headers": {
          "ETag": {"description": "The state's name, for If-Match and If-None-Match", "schema": {
            "type": "string", "pattern": "^\"[0-9a-f]{16}-(0|[1-9][0-9]*)\"$"}}},
        "parameters": {
          "IfMatch": {"name": "If-Match", "in": "header", "description": "Only if the state is still this one, else 412",
            "schema": {"type": "string", "anyOf": [{"const": "*"}, {"pattern": "^\"[0-9a-f]{16}-(0|[1-9][0-9]{0,15})\"$"}]}},
          "IfNoneMatch": {"name": "If-None-Match", "in": "header", "description": "304 if the state is still this one",
            "schema": {"type": "string"}},
          "IdempotencyKey": {"name": "Idempotency-Key", "in": "header",
            "description": "A name of the client's for this request: a second one with it does nothing and is answered the same, within a day",
            "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"}}},
        "responses": {
          "Dispatched": {"description": "Carried out, or planned with live false",
            "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Dispatched"}}}},
          "WorkerChanged": {"description": "As it is now", "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
            "content": {"application/json": {"schema": {
              "type": "object", "required": ["ok", "worker"], "properties": {
                "ok": {"const": true},
                "worker": {"anyOf": [{"$ref": "#/components/schemas/Worker"}, {"type": "null"}]}}}}}},
          "Bad": {"description": "The request can't be read; nothing was done",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "Unauthorized": {"description": "The token is missing or wrong",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "CrossSite": {"description": "Sent by a page of another site",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "NotFound": {"description": "The worker is not registered, or nobody serves the symbol",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "Changed": {"description": "The state is another one than If-Match names",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "TooLarge": {"description": "More than 1 MB",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "WrongType": {"description": "Another Content-Type than the one that is read here",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "KeyReused": {"description": "The Idempotency-Key was used for another request",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "Failed": {"description": "What Redis holds can't be read",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "Unavailable": {"description": "Redis does not answer, or too much waits here",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
          "Impossible": {"description": "Not enough capacity (unplaced lists the symbols), or no worker that may; nothing was done",
            "content": {"application/json": {"schema": {"allOf": [{"$ref": "#/components/schemas/Failure"}, {
              "type": "object", "properties": {
                "unplaced": {"type": "array", "items": {"$ref": "#/components/schemas/Reasoned"}}}}]}}}}
        }
        """#

    private static let schemas: String = #"""
        "Symbol": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$"},
        "WorkerName": {"type": "string", "pattern": "^[A-Za-z0-9\\[][A-Za-z0-9._:\\[\\]-]{0,127}$"},
        "Timeframe": {"enum": ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]},
        "Timeframes": {"description": "Several, or one alone", "anyOf": [
          {"$ref": "#/components/schemas/Timeframe"},
          {"type": "array", "minItems": 1, "maxItems": 100, "items": {"$ref": "#/components/schemas/Timeframe"}}]},
        "OptionalTimeframes": {"anyOf": [{"$ref": "#/components/schemas/Timeframes"}, {"type": "null"}]},
        "BothTimeframes": {"description": "tfs is another name of timeframes", "required": ["timeframes", "tfs"], "properties": {
          "timeframes": {"not": {"type": "null"}}, "tfs": {"not": {"type": "null"}}}},
        "Dispatch": {"type": "object", "required": ["symbols"], "not": {"$ref": "#/components/schemas/BothTimeframes"},
          "properties": {
            "symbols": {"type": "array", "minItems": 1, "maxItems": 100000, "items": {"$ref": "#/components/schemas/Symbol"}},
            "strategy": {"enum": ["hash", "least", "modulo", null], "default": "hash",
              "description": "hash: bounded-load rendezvous; modulo: crc32 mod n, where the predecessor's hash put a symbol"},
            "worker": {"anyOf": [{"type": "null"}, {"const": ""}, {"$ref": "#/components/schemas/WorkerName"}],
              "description": "All to this one, pinned, whatever the strategy"},
            "capacity": {"type": ["integer", "null"], "minimum": 1, "maximum": 100000,
              "description": "The most symbols of any worker; 20 for least where it is not named"},
            "timeframes": {"$ref": "#/components/schemas/OptionalTimeframes"}, "tfs": {"$ref": "#/components/schemas/OptionalTimeframes"},
            "live": {"type": ["boolean", "null"], "default": true, "description": "false: plan only"},
            "unpins": {"type": ["boolean", "null"], "default": false, "description": "Pins of these symbols are taken back first"}}},
        "Rebalance": {"type": "object", "required": ["symbols"], "not": {"$ref": "#/components/schemas/BothTimeframes"},
          "properties": {
            "symbols": {"anyOf": [{"const": "all"},
              {"type": "array", "minItems": 1, "maxItems": 100000, "items": {"$ref": "#/components/schemas/Symbol"}}]},
            "timeframes": {"$ref": "#/components/schemas/OptionalTimeframes"}, "tfs": {"$ref": "#/components/schemas/OptionalTimeframes"},
            "capacity": {"type": ["integer", "null"], "minimum": 1, "maximum": 100000},
            "max_moves": {"type": ["integer", "null"], "minimum": 0, "maximum": 100000,
              "description": "Bounds the moves of symbols that are being served"},
            "live": {"type": ["boolean", "null"], "default": true}, "unpins": {"type": ["boolean", "null"], "default": false}}},
        "Subscribe": {"type": "object", "required": ["symbol"], "not": {"$ref": "#/components/schemas/BothTimeframes"},
          "anyOf": [
            {"required": ["tfs"], "properties": {"tfs": {"$ref": "#/components/schemas/Timeframes"}}},
            {"required": ["timeframes"], "properties": {"timeframes": {"$ref": "#/components/schemas/Timeframes"}}}],
          "properties": {
            "symbol": {"$ref": "#/components/schemas/Symbol"}, "tfs": {"$ref": "#/components/schemas/OptionalTimeframes"},
            "timeframes": {"$ref": "#/components/schemas/OptionalTimeframes"}, "live": {"type": ["boolean", "null"], "default": true}}},
        "Unsubscribe": {"type": "object", "required": ["symbol"], "not": {"$ref": "#/components/schemas/BothTimeframes"},
          "properties": {
            "symbol": {"$ref": "#/components/schemas/Symbol"}, "tfs": {"$ref": "#/components/schemas/OptionalTimeframes"},
            "timeframes": {"$ref": "#/components/schemas/OptionalTimeframes"}, "live": {"type": ["boolean", "null"], "default": true}}},
        "WorkerChange": {"type": "object", "required": ["name"],
          "anyOf": [{"properties": {"state": {"type": "null"}}}, {"properties": {
            "address": {"type": "null"}, "capacity": {"type": "null"}, "weight": {"type": "null"}}}],
          "properties": {
            "name": {"$ref": "#/components/schemas/WorkerName"},
            "address": {"type": ["string", "null"], "maxLength": 128,
              "pattern": "^([A-Za-z0-9][A-Za-z0-9._-]*|\\[[A-Za-z0-9._:-]+\\]):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
              "description": "host:port of its control API; the name where that is one"},
            "capacity": {"type": ["integer", "null"], "minimum": 0, "maximum": 100000,
              "description": "The most symbols it may have; null lifts the limit, but beside a state, where it counts as absent"},
            "weight": {"type": ["integer", "null"], "minimum": 1, "maximum": 100},
            "state": {"enum": ["active", "draining", null]}}},
        "Assignments": {"type": "object", "required": ["ok", "assignments", "workers", "stats", "version", "placements"],
          "properties": {
            "ok": {"const": true},
            "assignments": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/WorkerName"}},
            "workers": {"type": "array", "items": {"$ref": "#/components/schemas/WorkerName"}},
            "stats": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
            "version": {"type": "string"},
            "placements": {"type": "object", "additionalProperties": {
              "type": "object", "required": ["worker", "timeframes", "epoch", "pinned", "assigned_at"],
              "properties": {
                "worker": {"$ref": "#/components/schemas/WorkerName"},
                "timeframes": {"type": "array", "items": {"$ref": "#/components/schemas/Timeframe"}},
                "epoch": {"type": "integer", "minimum": 0}, "pinned": {"type": "boolean"},
                "assigned_at": {"type": "string", "format": "date-time"}}}}}},
        "History": {"type": "object", "required": ["ok", "history", "left_out_count"], "properties": {
          "ok": {"const": true},
          "left_out_count": {"type": "integer", "minimum": 0, "description": "Older changes that found no room here"},
          "history": {"type": "array", "items": {
            "type": "object", "required": ["version", "at", "author", "action", "steps_count", "steps", "workers"],
            "properties": {
              "version": {"type": "integer"}, "at": {"type": "string", "format": "date-time"},
              "author": {"type": "string"}, "action": {"type": "string"},
              "steps_count": {"type": "integer", "minimum": 0, "description": "Of all; steps may have fewer"},
              "steps": {"type": "array", "items": {"type": "object", "required": ["symbol", "from", "to"], "properties": {
                "symbol": {"$ref": "#/components/schemas/Symbol"},
                "from": {"type": ["string", "null"]}, "to": {"type": ["string", "null"]}}}},
              "workers": {"type": "array", "items": {"type": "string"}}}}}}},
        "Worker": {"type": "object", "required": ["name", "address", "capacity", "weight", "state", "symbols"],
          "properties": {
            "name": {"$ref": "#/components/schemas/WorkerName"}, "address": {"type": "string"},
            "capacity": {"type": ["integer", "null"], "description": "null: no limit"},
            "weight": {"type": "integer", "minimum": 1, "maximum": 100},
            "state": {"enum": ["active", "draining", "gone"]}, "symbols": {"type": "integer", "minimum": 0}}},
        "Workers": {"type": "object", "required": ["ok", "workers", "controlled_at", "pending_count", "pending"],
          "properties": {
            "ok": {"const": true}, "workers": {"type": "array", "items": {"$ref": "#/components/schemas/Worker"}},
            "controlled_at": {"type": ["string", "null"], "description": "When a controller last said what is pending"},
            "pending_count": {"type": "integer", "minimum": 0},
            "pending": {"type": "array", "items": {"$ref": "#/components/schemas/Pending"}}}},
        "Pending": {"type": "object", "required": ["symbol", "worker", "action", "attempts", "error"], "properties": {
          "symbol": {"$ref": "#/components/schemas/Symbol"}, "worker": {"$ref": "#/components/schemas/WorkerName"},
          "action": {"enum": ["subscribe", "unsubscribe"]}, "attempts": {"type": "integer", "minimum": 0},
          "error": {"type": ["string", "null"]}}},
        "Reasoned": {"type": "object", "required": ["symbol", "worker", "reason"], "properties": {
          "symbol": {"$ref": "#/components/schemas/Symbol"}, "worker": {"type": ["string", "null"]},
          "reason": {"type": "string"}}},
        "Load": {"type": "object", "required": ["worker", "symbols", "weight"], "properties": {
          "worker": {"type": "string"}, "symbols": {"type": "integer", "minimum": 0}, "weight": {"type": "integer"}}},
        "Plan": {"type": "object",
          "required": ["moves", "updates", "removed", "unplaced", "stays_count", "before", "after"],
          "properties": {
            "moves": {"type": "array", "items": {
              "type": "object", "required": ["symbol", "from", "to", "timeframes", "pinned", "reason"], "properties": {
                "symbol": {"$ref": "#/components/schemas/Symbol"}, "from": {"type": ["string", "null"]},
                "to": {"type": "string"},
                "timeframes": {"type": "array", "items": {"$ref": "#/components/schemas/Timeframe"}},
                "pinned": {"type": "boolean"}, "reason": {"type": "string"}}}},
            "updates": {"type": "array", "items": {
              "type": "object", "required": ["symbol", "worker", "timeframes", "pinned"], "properties": {
                "symbol": {"$ref": "#/components/schemas/Symbol"}, "worker": {"type": "string"},
                "timeframes": {"type": "array", "items": {"$ref": "#/components/schemas/Timeframe"}},
                "pinned": {"type": "boolean"}}}},
            "removed": {"type": "array", "items": {"$ref": "#/components/schemas/Symbol"}},
            "unplaced": {"type": "array", "items": {"$ref": "#/components/schemas/Reasoned"}},
            "stays_count": {"type": "integer", "minimum": 0},
            "stays": {"type": "array", "items": {"$ref": "#/components/schemas/Reasoned"}},
            "before": {"type": "array", "items": {"$ref": "#/components/schemas/Load"}},
            "after": {"type": "array", "items": {"$ref": "#/components/schemas/Load"}}}},
        "Outcome": {"type": "object",
          "required": ["ok", "message", "live", "stored", "plan", "attended", "pending_count", "pending"],
          "properties": {
            "ok": {"const": true}, "message": {"type": "string"}, "live": {"type": "boolean"},
            "stored": {"type": "boolean", "description": "false for a plan, and where nothing had to change"},
            "plan": {"$ref": "#/components/schemas/Plan"},
            "attended": {"type": "boolean", "description": "false: no controller has looked at the change yet"},
            "pending_count": {"type": "integer", "minimum": 0},
            "pending": {"type": "array", "items": {"$ref": "#/components/schemas/Pending"},
              "description": "What workers could not be told within 5 s; the controller goes on with it"}}},
        "Dispatched": {"allOf": [{"$ref": "#/components/schemas/Outcome"}, {
          "type": "object", "required": ["assignments"], "properties": {
            "assignments": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/WorkerName"}}}}]},
        "Rebalanced": {"allOf": [{"$ref": "#/components/schemas/Outcome"}, {
          "type": "object", "required": ["moves"], "properties": {
            "moves": {"type": "object", "additionalProperties": {
              "type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}}}}]}
        """#
}
