#include "admin/api/openapi.hpp"

#include <string>

#include "admin/api/openapi_people.hpp"
#include "admin/api/openapi_releases.hpp"

namespace switchback::api {
namespace {

// Whoever adds a route describes it here; tests/unit/admin/api/openapi_test.cpp compares the two.
constexpr char document[] =
    R"json({
 "openapi": "3.1.0",
 "info": {"title": "switchback admin API", "version": "1", "description":
   "Blue-green switch: one atomic flip, one way back. Errors are )json"
    R"json(application/problem+json and say whether traffic moved."},
 "servers": [{"url": "/"}],
 "security": [{"bearer": []}, {}],
 "paths": {
  "/": {
   "get": {"operationId": "statusPage", "summary": "The status page", "x-role": "read", )json"
    R"json("responses":
     {"200": {"description": "One page for people; refreshes itself.", "content": {"text/html":
     {"schema": {"type": "string"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/services": {
   "get": {"operationId": "listServices", "summary": "All services and the standing alarms",
     "x-role": "read", "responses": {"200": {"description": "All services, in )json"
    R"json(configuration order.",
     "content": {"application/json": {"schema": {"type": "object", "required": ["services",
     "alarms"], "properties": {"services": {"type": "array", "items": {"$ref":
     "#/components/schemas/Service"}}, "alarms": {"type": "array", "items": {"$ref":
     "#/components/schemas/Alarm"}}}}}}}, "401": {"$ref": )json"
    R"json("#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/services/{s}": {
   "parameters": [{"$ref": "#/components/parameters/service"}],
   "get": {"operationId": "getService", "summary": "One service", "x-role": "read", "responses":
     {"200": {"description": "The service.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Service"}}}, "headers": {"ETag": {"description":
     "The epoch, for If-Match.", "schema": {"type": "string"}}}}, "401": {"$ref":
     "#/components/responses/Problem"}, "403": {"$ref": "#/components/responses/Problem"}, "404":
     {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/services/{s}/verification": {
   "parameters": [{"$ref": "#/components/parameters/service"}],
   "get": {"operationId": "getVerification", "summary":
     "What the standby's checks, the last flip and its traffic have shown", "x-role": "read",
     "responses": {"200": {"description":
     "planned: false where the service has no plan.", "content": {"application/json": {"schema":
     {"$ref": "#/components/schemas/Verification"}}}}, "401": {"$ref":
     "#/components/responses/Problem"}, "403": {"$ref": "#/components/responses/Problem"}, "404":
     {"$ref": "#/components/responses/Problem"}}},
   "post": {"operationId": "runVerification", "summary": "Runs the checks of the plan now",
     "x-role": "operate", "parameters": [{"name": "color", "in": "query", "schema": {"enum":
     ["standby", "active", "blue", "green"], "default": "standby"}}], "responses": {"200":
     {"description": "What came of them.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Standing"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}, "404": {"$ref":
     "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"}, "422":
     {"$ref": "#/components/responses/Problem"}, "504": {"$ref":
     "#/components/responses/Problem"}}}
  },
  "/v1/services/{s}/mirror": {
   "parameters": [{"$ref": "#/components/parameters/service"}],
   "get": {"operationId": "getMirror", "summary":
     "What copies of requests to the standby have shown, since the run began", "x-role": "read",
     "responses": {"200": {"description": "The run, and the newest differences.", "content":
     {"application/json": {"schema": {"$ref": "#/components/schemas/Mirror"}}}}, "401": {"$ref":
     "#/components/responses/Problem"}, "403": {"$ref": "#/components/responses/Problem"}, "404":
     {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/services/{s}/flips": {
   "parameters": [{"$ref": "#/components/parameters/service"}],
   "post": {"operationId": "flip", "summary": "Promotes a side", "description":
     "One atomic store, seen by all workers at once; the answer comes when every worker )json"
    R"json(has passed the barrier. No request begun after the answer reaches the old side. )json"
    R"json(A flip to the rollback target is recorded as a rollback.",
     "x-role": "operate", "parameters": [{"$ref": "#/components/parameters/wait"}, {"$ref":
     "#/components/parameters/ifMatch"}, {"$ref": "#/components/parameters/idempotencyKey"},
     {"$ref": "#/components/parameters/prefer"}], "requestBody": {"required": true, "content":
     {"application/json": {"schema": {"$ref": "#/components/schemas/FlipBody"}}}}, "responses":
     {"200": {"description":
     "The receipt. `already: true`: the target was active, nothing was done. `state: )json"
    R"json(switching`: traffic moved, but the workers named have not passed the barrier )json"
    R"json(within 250 ms.",
     "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}},
     "headers": {"ETag": {"description": "The epoch after the call.", "schema": )json"
    R"json({"type": "string"}},
     "Location": {"description": "Where the receipt is from now on.", "schema": {"type":
     "string"}}}}, "202": {"description":
     "With Prefer: respond-async: switched; the drain goes on, Location says where to look.",
     "content": {"application/json": {"schema": {"$ref": )json"
    R"json("#/components/schemas/Receipt"}}}}, "400":
     {"$ref": "#/components/responses/Problem"}, "401": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "403": {"$ref": "#/components/responses/Problem"}, "404": {"$ref":
     "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"}, "412":
     {"$ref": "#/components/responses/Problem"}, "422": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "503": {"$ref": "#/components/responses/Problem"}, "504": {"$ref":
     "#/components/responses/Problem"}}},
   "get": {"operationId": "serviceFlips", "summary": "A service's flips, newest first", "x-role":
     "read", "parameters": [{"$ref": "#/components/parameters/limit"}, {"$ref":
     "#/components/parameters/kind"}], "responses": {"200": {"description":
     "Receipts, newest first.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Flips"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}, "404": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "422": {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/services/{s}/rollback": {
   "parameters": [{"$ref": "#/components/parameters/service"}],
   "post": {"operationId": "rollback", "summary": "Goes back", "description":
     "Undoes the newest promotion not yet undone; an empty body is allowed. Pressed )json"
    R"json(again: `already: true`. Never any promotion: 409 nothing_to_roll_back_to. )json"
    R"json(Refused as unfit only when no server of the standby accepts a connection.",
     "x-role": "operate", "parameters": [{"$ref": "#/components/parameters/wait"}, {"$ref":
     "#/components/parameters/ifMatch"}, {"$ref": "#/components/parameters/idempotencyKey"},
     {"$ref": "#/components/parameters/prefer"}], "requestBody": {"required": false, "content":
     {"application/json": {"schema": {"$ref": "#/components/schemas/RollbackBody"}}}}, )json"
    R"json("responses":
     {"200": {"description":
     "The receipt. `already: true`: the target was active, nothing was done. `state: )json"
    R"json(switching`: traffic moved, but the workers named have not passed the barrier )json"
    R"json(within 250 ms.",
     "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}},
     "headers": {"ETag": {"description": "The epoch after the call.", "schema": )json"
    R"json({"type": "string"}},
     "Location": {"description": "Where the receipt is from now on.", "schema": {"type":
     "string"}}}}, "202": {"description":
     "With Prefer: respond-async: switched; the drain goes on, Location says where to look.",
     "content": {"application/json": {"schema": {"$ref": )json"
    R"json("#/components/schemas/Receipt"}}}}, "400":
     {"$ref": "#/components/responses/Problem"}, "401": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "403": {"$ref": "#/components/responses/Problem"}, "404": {"$ref":
     "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"}, "412":
     {"$ref": "#/components/responses/Problem"}, "422": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "503": {"$ref": "#/components/responses/Problem"}, "504": {"$ref":
     "#/components/responses/Problem"}}}
  },
  "/v1/services/{s}/pause": {
   "parameters": [{"$ref": "#/components/parameters/service"}],
   "post": {"operationId": "pause", "summary": "Requests wait at the door, in order, bounded",
     "x-role": "operate", "requestBody": {"required": false, "content": {"application/json":
     {"schema": {"$ref": "#/components/schemas/PauseBody"}}}}, "responses": {"200": )json"
    R"json({"description":
     "Paused; opens by itself after max.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Door"}}}}, "400": {"$ref": "#/components/responses/Problem"}, "401":
     {"$ref": "#/components/responses/Problem"}, "403": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "404": {"$ref": "#/components/responses/Problem"}, "422": {"$ref":
     "#/components/responses/Problem"}}}
  },
  "/v1/services/{s}/resume": {
   "parameters": [{"$ref": "#/components/parameters/service"}],
   "post": {"operationId": "resume", "summary":
     "Opens the door; what waited gets the side active now", "x-role": "operate", "responses":
     {"200": {"description": "Open.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Door"}}}}, "400": {"$ref": "#/components/responses/Problem"}, "401":
     {"$ref": "#/components/responses/Problem"}, "403": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "404": {"$ref": "#/components/responses/Problem"}, "422": {"$ref":
     "#/components/responses/Problem"}}}
  },
  "/v1/flips": {
   "get": {"operationId": "allFlips", "summary": "All services' flips, newest first", "x-role":
     "read", "parameters": [{"$ref": "#/components/parameters/limit"}, {"$ref":
     "#/components/parameters/kind"}], "responses": {"200": {"description":
     "Receipts, newest first.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Flips"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}, "422": {"$ref": )json"
    R"json("#/components/responses/Problem"}}}
  },
  "/v1/flips/{id}": {
   "get": {"operationId": "getFlip", "summary": "One flip, live while it drains", )json"
    R"json("x-role": "read",
     "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"},
     "description": "The flip's ULID."}], "responses": {"200": {"description": "The receipt.",
     "content": {"application/json": {"schema": {"$ref": )json"
    R"json("#/components/schemas/Receipt"}}}}, "401":
     {"$ref": "#/components/responses/Problem"}, "403": {"$ref": )json"
    R"json("#/components/responses/Problem"},
     "404": {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/events": {
   "get": {"operationId": "events", "summary": "What happens, as it happens (server-sent events)",
     "x-role": "read", "parameters": [{"name": "Last-Event-ID", "in": "header", "schema": {"type":
     "integer"}, "description": "Events after this one first, as far as they are kept (1,024)."},
     {"name": "last_event_id", "in": "query", "schema": {"type": "integer"}, "description":
     "The same for those who cannot set a header; 0: all that are kept."}], "responses": {"200":
     {"description":
     "id, event and data (one line of JSON); a comment every 10 s. Readers that are too )json"
    R"json(slow are cut and may come back with Last-Event-ID.",
     "content": {"text/event-stream": {"schema": {"type": "string"}}}}, "400": {"$ref":
     "#/components/responses/Problem"}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}, "503": {"$ref": )json"
    R"json("#/components/responses/Problem"}}}
  },
  "/v1/whoami": {
   "get": {"operationId": "whoami", "summary": "Who you are here, and what you may do", "x-role":
     "read", "responses": {"200": {"description": "You.", "content": )json"
    R"json({"application/json": {"schema":
     {"type": "object", "required": ["name", "auth", "role", "may", "peer"], )json"
    R"json("properties": {"name":
     {"type": "string"}, "auth": {"enum": ["peer", "token", "certificate", "loopback"]}, "role": {"$ref":
     "#/components/schemas/Role"}, "may": {"type": "array", "items": {"$ref":
     "#/components/schemas/Role"}}, "peer": {"type": "string"}, "rule": {"type": "string"}, "services":
     {"type": ["array", "null"]}, "expires_at": {"type": ["string", "null"]}, "last_operated_at":
     {"type": ["string", "null"]}, "on_call": {"type": "boolean"}, "tls": {"type": "boolean"}}}}}}, "401": {"$ref":
     "#/components/responses/Problem"}, "403": {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/openapi.json": {
   "get": {"operationId": "openapi", "summary": "This document", "x-role": "read", "responses":
     {"200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type":
     "object"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403": {"$ref":
     "#/components/responses/Problem"}}}
  },
  "/healthz": {
   "get": {"operationId": "healthz", "summary": "The process is alive", "x-role": "read",
     "responses": {"200": {"description": "ok", "content": {"text/plain": {"schema": {"type":
     "string"}}}}}, "security": []}
  },
  "/readyz": {
   "get": {"operationId": "readyz", "summary": "Every service can answer", "x-role": "read",
     "responses": {"200": {"description":
     "Every service's active side has a server that can be used.", "content": {"text/plain":
     {"schema": {"type": "string"}}}}, "503": {"description": "Names each service that cannot.",
     "content": {"text/plain": {"schema": {"type": "string"}}}}}, "security": []}
  },
  "/metrics": {
   "get": {"operationId": "metrics", "summary": "Prometheus metrics, text format 0.0.4",
     "description": "From loopback without a token, too.", "x-role": "read", "responses": {"200":
     {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
     "401": {"$ref": "#/components/responses/Problem"}, "403": {"$ref":
     "#/components/responses/Problem"}}}
  }
 },
 "components": {
  "securitySchemes": {
   "bearer": {"type": "http", "scheme": "bearer", "description":
     "A token of admin.tokens. Over the unix socket the kernel says who you are, and no )json"
    R"json(token is needed."}
  },
  "parameters": {
   "service": {"name": "s", "in": "path", "required": true, "schema": {"type": "string"},
     "description": "The service's name."},
   "wait": {"name": "wait", "in": "query", "schema": {"enum": ["switched", "drained", "verified"],
     "default": "switched"}, "description": "How long the call waits."},
   "ifMatch": {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description":
     "The epoch expected, as the ETag gives it; another one: 412, nothing moved."},
   "idempotencyKey": {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string",
     "maxLength": 255}, "description":
     "A repeated call with the same key gets the first one's answer; another body: 422."},
   "prefer": {"name": "Prefer", "in": "header", "schema": {"type": "string"}, "description":
     "respond-async: 202 as soon as traffic has moved."},
   "limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": )json"
    R"json(1, "maximum":
     1000, "default": 50}},
   "kind": {"name": "kind", "in": "query", "schema": {"enum": ["promote", "rollback",
     "auto_rollback", "drill"]}}
  },
  "responses": {
   "Problem": {"description": "Refused; `moved` says whether traffic moved.", "content":
     {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
  },
  "schemas": {
   "Standing": {"type": "object", "required": ["color", "passed", "total", "checks", "identity"],
     "properties": {"color": {"$ref": "#/components/schemas/Color"}, "release": {"type": "string"},
     "passed": {"type": "integer"}, "total": {"type": "integer"}, "fit": {"type": "boolean"},
     "identity": {"enum": ["unknown", "matches", "differs"]}, "at": {"type": ["string", "null"]},
     "age_ms": {"type": ["integer", "null"]}, "checks": {"type": "array", "items": {"type":
     "object", "required": ["name", "ok", "observed"]}}}},
   "Verification": {"type": "object", "required": ["service", "planned"], "properties": {"service":
     {"type": "string"}, "planned": {"type": "boolean"}, "standby": {"$ref":
     "#/components/schemas/Standing"}, "verdict": {"type": ["object", "null"], "description":
     "HEALTHY, REGRESSED, DEGRADED, SHARED or INCONCLUSIVE, with the numbers behind it."},
     "last_flip": {"oneOf": [{"$ref": "#/components/schemas/Receipt"}, {"type": "null"}]}}},
   "Role": {"enum": ["read", "operate", "deploy", "admin"], "description":
     "Each includes the ones before."},
   "Color": {"enum": ["blue", "green"]},
   "Name": {"type": "object", "required": ["name", "addresses", "ttl_left_ms", "age_ms", "next_ms",
     "error"], "properties": {"name": {"type": "string"}, "addresses": {"type": "array", "items":
     {"type": "string"}, "description": "In use."}, "ttl_left_ms": {"type": "integer", "minimum": 0,
     "description": "Of the last good answer."}, "age_ms": {"type": ["integer", "null"],
     "description": "Of the last good answer; null: never one."}, "next_ms": {"type": "integer",
     "minimum": 0, "description": "Until it is asked again; 0: being asked."}, "error": {"type":
     "string", "description": "Of the newest answer; empty: it was good."}}},
   "Pool": {"type": "object", "required": ["draining", "in_flight", "servers", "names"], "properties":
     {"draining": {"type": "boolean"}, "panic": {"type": "boolean", "description":
     "Servers that fail their checks but accept connections are used, for want of others."},
     "in_flight": {"type": "object", "required": ["request",
     "stream", "tunnel"], "properties": {"request": {"type": "integer", "minimum": 0}, "stream":
     {"type": "integer", "minimum": 0}, "tunnel": {"type": "integer", "minimum": 0}}},
     "connections_per_server": {"type": "integer", "minimum": 0, "description":
      "The limit; 0 is none."}, "waiting": {"type": "integer", "minimum": 0, "description":
      "Requests that wait for a connection to a server."}, "servers":
     {"type": "array", "items": {"type": "object", "required": ["address", "healthy", "health",
     "weight", "share", "in_flight", "connections", "ejected_ms", "ejection", "ejections",
     "failures", "last_failure", "reason"], "properties": {"address": {"type": "string"}, "healthy":
     {"type": "boolean"}, "health": {"enum": ["unknown", "healthy", "failing", "unreachable"]},
     "weight": {"type": "integer", "minimum": 0}, "share": {"type": "integer", "minimum": 0,
     "maximum": 100, "description":
      "Per cent of its weight that counts now: less in slow start, 0 while it takes no new requests."}, "in_flight": {"type": "integer", "minimum": 0},
     "connections": {"type": "integer", "minimum": 0, "description":
      "Of all workers, idle ones included."}, "ejected_ms": {"type": "integer", "minimum": 0, "description":
      "How long it stays out for failing real requests; 0: it is not ejected."}, "ejection": {"type": "string",
     "description": "Why it is ejected."}, "ejections": {"type": "integer", "minimum": 0},
     "failures": {"type": "integer", "minimum": 0, "description": "Of real requests, in a row."},
     "last_failure": {"type": "string", "description":
      "What real requests last failed for, with the place in the answer where it was malformed."},
     "reason": {"type": "string", "description": "Of the last failed check."}}}}, "names": {"type":
      "array", "description": "DNS names that stand for servers here.", "items": {"$ref":
      "#/components/schemas/Name"}}}},
   "Service": {"type": "object", "required": ["service", "active", "epoch", "releases", "paused",
     "waiting", "rollback_target", "pools", "last_flip"], "properties": {"service": {"type":
     "string"}, "active": {"$ref": "#/components/schemas/Color"}, "epoch": {"type": "integer",
     "minimum": 0}, "releases": {"type": "object", "required": ["blue", "green"], "properties":
     {"blue": {"type": "string"}, "green": {"type": "string"}}}, "paused": {"type": "boolean"},
     "waiting": {"type": "integer", "minimum": 0}, "rollback_target": {"oneOf": [{"$ref":
     "#/components/schemas/Color"}, {"type": "null"}]}, "pools": {"type": "object", "required":
     ["blue", "green"], "properties": {"blue": {"$ref": "#/components/schemas/Pool"}, "green":
     {"$ref": "#/components/schemas/Pool"}}}, "last_flip": {"oneOf": [{"$ref":
     "#/components/schemas/Receipt"}, {"type": "null"}]}, "mirror": {"oneOf": [{"type": "object"},
     {"type": "null"}], "description": "The sums of the mirroring that goes on; null: off."},
     "alarms": {"type": "array", "items": {"type": "object"}, "description":
     "Those that stand for this service or for all; where one service is asked for."}}},
   "Mirror": {"type": "object", "required": ["service", "percent", "in_flight"], "description":
     "With percent 0 mirroring is off and only the required members are there. sampled = )json"
    R"json(not_copied + copies; copies = the sum of results + in flight; compared = equal + )json"
    R"json(status + header + body.",
     "properties": {"service": {"type": "string"}, "percent": {"type": "integer"}, "in_flight":
     {"type": "integer"}, "active": {"$ref": "#/components/schemas/Color"}, "standby": {"$ref":
     "#/components/schemas/Color"}, "releases": {"$ref": "#/components/schemas/TwoSides"}, "epoch":
     {"type": "integer"}, "since": {"type": "string", "format": "date-time"}, "sampled": {"type":
     "integer"}, "copies": {"type": "integer"}, "compared": {"type": "integer"}, "not_copied":
     {"$ref": "#/components/schemas/Counts"}, "results": {"$ref": "#/components/schemas/Counts"},
     "failures": {"$ref": "#/components/schemas/Counts"}, "dropped": {"$ref":
     "#/components/schemas/Counts"}, "headers": {"$ref": "#/components/schemas/Counts"}, "slower":
     {"type": "integer"}, "bytes": {"type": "integer"}, "latency_ms": {"$ref":
     "#/components/schemas/TwoSides"}, "samples": {"type": "array", "items": {"type": "object",
     "required": ["at", "method", "target", "request_id", "result", "slower", "status", "bytes",
     "hash", "latency_ms"], "properties": {"at": {"type": "string", "format": "date-time"},
     "method": {"type": "string"}, "target": {"type": "string", "description":
     "The first 256 bytes."}, "request_id": {"type": "string"}, "result": {"type": "string"},
     "slower": {"type": "boolean"}, "header": {"type": "string"}, "cause": {"type": "string"},
     "status": {"$ref": "#/components/schemas/TwoSides"}, "bytes": {"$ref":
     "#/components/schemas/TwoSides"}, "hash": {"$ref": "#/components/schemas/TwoSides"},
     "latency_ms": {"$ref": "#/components/schemas/TwoSides"}}}}}},
   "Counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
   "TwoSides": {"type": "object", "required": ["active", "standby"], "description":
     "null where that side gave no answer."},
   "Alarm": {"type": "object", "required": ["code", "text", "since"], "properties": {"code":
     {"type": "string"}, "text": {"type": "string"}, "since": {"type": "string", "format":
     "date-time"}}},
   "Receipt": {"type": "object", "required": ["flip", "kind", "service", "from", "to", "epoch",
     "state", "moved", "already", "durable"], "properties": {"flip": {"type": "string"}, "kind":
     {"enum": ["promote", "rollback", "auto_rollback", "drill"]}, "service": {"type": "string"},
     "from": {"$ref": "#/components/schemas/Color"}, "to": {"$ref": "#/components/schemas/Color"},
     "from_release": {"type": "string"}, "to_release": {"type": "string"}, "epoch": {"type":
     "integer", "minimum": 0}, "actor": {"type": "string"}, "auth": {"type": "string"}, "reason":
     {"type": "string"}, "state": {"enum": ["switching", "switched", "draining", "drained",
     "verified", "unverified", "regressed"]}, "moved": {"type": "boolean"}, "already": {"type":
     "boolean"}, "durable": {"type": "boolean", "description":
     "False: a loss of power right now could undo it; made good as soon as the disk answers."},
     "forced": {"type": "boolean"}, "superseded": {"type": "boolean"}, "at": {"type": "string",
     "format": "date-time"}, "stages_ms": {"type": "object", "description":
     "Milliseconds since the request was taken up; a stage not reached yet is left out.",
     "properties": {"decided": {"type": "number"}, "persisted": {"type": "number"}, "switched":
     {"type": "number"}, "first_new": {"type": "number"}, "last_old": {"type": )json"
    R"json("number"}, "drained":
     {"type": "number"}, "verified": {"type": "number"}}}, "counts": {"type": "object", )json"
    R"json("required":
     ["request", "stream", "tunnel"], "properties": {"request": {"$ref":
     "#/components/schemas/ClassCounts"}, "stream": {"$ref": "#/components/schemas/ClassCounts"},
     "tunnel": {"$ref": "#/components/schemas/ClassCounts"}}}, "warnings": {"type": "array",
     "items": {"type": "string"}}, "lagging_workers": {"type": "array", "items": )json"
    R"json({"type": "integer",
     "minimum": 0}}}},
   "ClassCounts": {"type": "object", "required": ["accepted", "completed", "failed", )json"
    R"json("client_gone",
     "moved", "forced", "in_flight", "retried"], "properties": {"accepted": {"type": "integer",
     "minimum": 0}, "completed": {"type": "integer", "minimum": 0}, "failed": {"type": "integer",
     "minimum": 0}, "client_gone": {"type": "integer", "minimum": 0}, "moved": {"type": "integer",
     "minimum": 0}, "forced": {"type": "integer", "minimum": 0}, "in_flight": {"type": "integer",
     "minimum": 0}, "retried": {"type": "integer", "minimum": 0}}, "description":
     "accepted = completed + failed + client_gone + moved + forced + in_flight; retried )json"
    R"json(stands outside the sum."},
   "Flips": {"type": "object", "required": ["flips"], "properties": {"flips": {"type": "array",
     "items": {"$ref": "#/components/schemas/Receipt"}}}},
   "Door": {"type": "object", "required": ["service", "paused"], "properties": )json"
    R"json({"service": {"type":
     "string"}, "paused": {"type": "boolean"}, "max": {"type": "string"}}},
   "FlipBody": {"type": "object", "required": ["to"], "additionalProperties": false, "properties":
     {"to": {"type": "string", "description": "blue, green or a release name."}, )json"
    R"json("reason": {"type":
     "string", "maxLength": 2000}, "force": {"type": "boolean", "default": false, "description":
     "Also to a side that is not fit; needs a reason."}, "requalify": {"type": "string",
     "description": "Why a release that was rolled back may be promoted again."},
     "on_behalf_of": {"type": "string", "maxLength": 64, "description":
     "Who asked a bot; kept beside it."}}},
   "RollbackBody": {"type": "object", "additionalProperties": false, "properties": {"reason":
     {"type": "string", "maxLength": 2000}, "force": {"type": "boolean", "default": false},
     "on_behalf_of": {"type": "string", "maxLength": 64}}},
   "PauseBody": {"type": "object", "additionalProperties": false, "properties": {"max": {"type":
     "string", "default": "30s", "description": "250ms, 30s, 2m; at most 10m."}}},
   "Problem": {"type": "object", "description": "RFC 9457.", "required": ["type", )json"
    R"json("title", "status",
     "detail", "instance", "code", "moved", "next", "exit_code"], "properties": {"type": {"type":
     "string"}, "title": {"type": "string"}, "status": {"type": "integer", "minimum": )json"
    R"json(0}, "detail":
     {"type": "string"}, "instance": {"type": "string"}, "code": {"type": "string"}, "moved":
     {"type": "boolean", "description": "Whether traffic moved."}, "next": {"type": "string",
     "description": "What to type next; may be empty."}, "exit_code": {"type": "integer",
     "description": "What the command line ends with."}}}
  }
 }
}
)json";

}  // namespace

std::string_view openapi_json() {
  static const std::string whole = [] {
    // Texts first: what comes after parses the document and writes it without blanks.
    std::string text = document;
    const auto put = [&text](std::string_view before, const char* part) {
      const auto place = text.find(before);
      if (place != std::string::npos) text.insert(place, std::string(part + 1) + "\n");
    };
    put("  \"/v1/openapi.json\": {", openapi_people);
    put("   \"Problem\": {\"type\": \"object\"", openapi_people_schemas);
    return with_releases(text);
  }();
  return whole;
}

}  // namespace switchback::api
