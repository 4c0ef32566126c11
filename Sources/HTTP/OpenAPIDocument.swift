/// The OpenAPI 3.1 description of the routes that every process serves.
package enum OpenAPIDocument {
    /// The router's /openapi.json.
    package static func router(version: String) -> [UInt8] {
        document(
            "router", "the router, which takes candles from Kafka topics to Redis channels", "Kafka or Redis", 5004,
            version)
    }

    /// The persister's.
    package static func persister(version: String) -> [UInt8] {
        document(
            "persister", "the persister, which keeps records of Kafka topics in a database", "Kafka or the database",
            5005, version)
    }

    /// The document of a process with routes of its own. `paths` and `components` are members of `paths` and of `components`,
    /// JSON without its outer braces, which may refer to the shared schemas.
    package static func document(
        _ name: String, _ what: String, _ connections: String, _ port: Int, _ version: String, paths: String = "",
        schemas: String = "", components: String = ""
    ) -> [UInt8] {
        // A version is our own word: digits, dots, letters.
        let words = [
            "@version@": version.filter { $0.isLetter || $0.isNumber || ".-+".contains($0) }, "@name@": name,
            "@what@": what, "@connections@": connections, "@port@": String(port),
            "@paths@": paths.isEmpty ? "" : ",\n" + paths, "@schemas@": schemas.isEmpty ? "" : ",\n" + schemas,
            "@components@": components.isEmpty ? "" : ",\n" + components,
        ]
        return Array(words.reduce(template) { $0.replacing($1.key, with: $1.value) }.utf8)
    }

    private static let template = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "Klinecast @name@",
            "version": "@version@",
            "description": "Health, diagnosis and metrics of @what@.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
          },
          "servers": [{"url": "http://127.0.0.1:@port@"}],
          "paths": {
            "/health": {"get": {
              "operationId": "health", "summary": "Whether the process works, and why not",
              "responses": {
                "200": {"description": "Healthy or degraded",
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}},
                "503": {"description": "Unhealthy or stopping",
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}}
              }}},
            "/health/live": {"get": {
              "operationId": "live", "summary": "503 only when a thread is stuck: restart the process then",
              "responses": {
                "200": {"description": "Alive",
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Probe"}}}},
                "503": {"description": "Stuck",
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Probe"}}}}
              }}},
            "/health/ready": {"get": {
              "operationId": "ready", "summary": "503 while @connections@ is unusable",
              "responses": {
                "200": {"description": "Ready",
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Probe"}}}},
                "503": {"description": "Not ready",
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Probe"}}}}
              }}},
            "/diagnostic": {"get": {
              "operationId": "diagnostic", "summary": "Connections, positions, lag, last errors, effective settings",
              "responses": {
                "200": {"description": "The state in detail; secrets are hidden",
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Diagnostic"}}}}
              }}},
            "/metrics": {"get": {
              "operationId": "metrics", "summary": "Figures for Prometheus, text format 0.0.4",
              "responses": {
                "200": {"description": "The exposition", "content": {"text/plain": {"schema": {"type": "string"}}}}
              }}},
            "/openapi.json": {"get": {
              "operationId": "openapi", "summary": "This document",
              "responses": {
                "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {"type": "object"}}}}
              }}}@paths@
          },
          "components": {"schemas": {
            "Health": {
              "type": "object", "required": ["status", "timestamp", "uptime", "stats", "reasons"],
              "properties": {
                "status": {"enum": ["healthy", "degraded", "unhealthy", "stopping"]},
                "timestamp": {"type": "number", "description": "Seconds since 1970"},
                "uptime": {"type": "number", "description": "Seconds"},
                "stats": {"$ref": "#/components/schemas/Stats"},
                "reasons": {"type": "array", "items": {"type": "string"}}
              }},
            "Probe": {
              "type": "object", "required": ["ok"],
              "properties": {"ok": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}}},
            "Stats": {"type": "object", "description": "Counts since the start, by name", "additionalProperties": true},
            "Diagnostic": {
              "type": "object", "required": ["status", "timestamp", "uptime", "connections", "topics", "stats"],
              "properties": {
                "status": {"enum": ["operational", "stopping"]},
                "timestamp": {"type": "number"},
                "uptime": {"type": "number"},
                "connections": {"type": "object", "properties": {
                  "kafka": {"type": "string"}, "redis": {"type": "string"}, "database": {"type": "string"}}},
                "topics": {"type": "array", "items": {"type": "string"}},
                "stats": {"$ref": "#/components/schemas/Stats"}
              }, "additionalProperties": true},
            "Failure": {
              "type": "object", "required": ["ok", "error", "code"],
              "properties": {
                "ok": {"const": false}, "error": {"type": "string"}, "code": {"type": "string"}}}@schemas@
          }@components@}
        }

        """#
}
