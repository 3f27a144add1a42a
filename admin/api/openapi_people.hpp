// The paths of the API's description that are about people, tokens and the audit chain; a file of
// its own, as the whole grew long (openapi.cpp puts it in).
#pragma once

namespace switchback::api {

inline constexpr char openapi_people[] = R"json(
  "/v1/people": {
   "get": {"operationId": "people", "summary": "Who may act, and who has proved it", "x-role":
     "read", "responses": {"200": {"description": "By name.", "content": {"application/json":
     {"schema": {"type": "object", "required": ["people", "able", "proven", "proof_days",
     "on_call"], "properties": {"people": {"type": "array", "items": {"type": "object", "required":
     ["name", "auth", "role", "services", "last_used_at", "last_operated_at", "token_expires_at",
     "on_call"], "properties": {"name": {"type": "string"}, "auth": {"type": "array", "items":
     {"enum": ["peer", "token", "certificate"]}}, "role": {"$ref": "#/components/schemas/Role"},
     "services": {"type": ["array", "null"], "description": "null: all."}, "last_used_at": {"type":
     ["string", "null"]}, "last_operated_at": {"type": ["string", "null"], "description":
     "Really moved traffic."}, "token_expires_at": {"type": ["string", "null"]}, "on_call":
     {"type": "boolean"}}}}, "able": {"type": "integer", "description": "Hold operate or more."},
     "proven": {"type": "integer", "description": "Of these, moved traffic within proof_days."},
     "proof_days": {"type": "integer"}, "on_call": {"type": "array", "items": {"type":
     "string"}}}}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403": {"$ref":
     "#/components/responses/Problem"}}}
  },
  "/v1/tokens": {
   "get": {"operationId": "listTokens", "summary": "All tokens; never their texts", "x-role":
     "admin", "responses": {"200": {"description": "Those of the configuration first.", "content":
     {"application/json": {"schema": {"type": "object", "required": ["tokens", "complete"],
     "properties": {"tokens": {"type": "array", "items": {"$ref": "#/components/schemas/Token"}},
     "complete": {"type": "boolean", "description": "False: the ledger has not been read yet."}}}}}},
     "401": {"$ref": "#/components/responses/Problem"}, "403": {"$ref":
     "#/components/responses/Problem"}}},
   "post": {"operationId": "createToken", "summary": "Makes a token, in force at once", "x-role":
     "admin", "requestBody": {"required": true, "content": {"application/json": {"schema": {"type":
     "object", "required": ["name"], "additionalProperties": false, "properties": {"name": {"type":
     "string", "maxLength": 63}, "role": {"$ref": "#/components/schemas/Role"}, "expires": {"type":
     "string", "description": "2027-01-31 (to the end of that day, UTC), RFC 3339, or 90d."},
     "services": {"type": "array", "items": {"type": "string"}, "description":
     "It may change these only; left out: all."}}}}}}, "responses": {"201": {"description":
     "The only time its text is told.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/MadeToken"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"},
     "422": {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/tokens/{id}": {
   "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
   "delete": {"operationId": "revokeToken", "summary":
     "Ends a token now; by name: all of that name", "x-role": "admin", "responses": {"200":
     {"description": "Revoked.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Token"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}, "404": {"$ref": "#/components/responses/Problem"},
     "409": {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/tokens/{id}/rotate": {
   "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
   "post": {"operationId": "rotateToken", "summary":
     "A new text under the same name; the old one ends with its grace", "x-role": "admin",
     "requestBody": {"required": false, "content": {"application/json": {"schema": {"type":
     "object", "additionalProperties": false, "properties": {"grace": {"type": "string", "default":
     "24h"}, "expires": {"type": "string", "description":
     "Left out: after as long as the old one was made for."}}}}}}, "responses": {"201":
     {"description": "The new text, and the end of the old one.", "content": {"application/json":
     {"schema": {"$ref": "#/components/schemas/MadeToken"}}}}, "401": {"$ref":
     "#/components/responses/Problem"}, "403": {"$ref": "#/components/responses/Problem"}, "404":
     {"$ref": "#/components/responses/Problem"}, "409": {"$ref": "#/components/responses/Problem"},
     "422": {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/tokens/{id}/expire": {
   "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
   "post": {"operationId": "expireToken", "summary": "Says when a token ends", "x-role": "admin",
     "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object",
     "required": ["at"], "additionalProperties": false, "properties": {"at": {"type": "string",
     "description": "30d, 2027-01-31, RFC 3339, or never."}}}}}}, "responses": {"200":
     {"description": "The token.", "content": {"application/json": {"schema": {"$ref":
     "#/components/schemas/Token"}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403":
     {"$ref": "#/components/responses/Problem"}, "404": {"$ref": "#/components/responses/Problem"},
     "409": {"$ref": "#/components/responses/Problem"}, "422": {"$ref":
     "#/components/responses/Problem"}}}
  },
  "/v1/audit": {
   "get": {"operationId": "audit", "summary": "The audit chain, oldest first", "x-role": "read",
     "parameters": [{"name": "after", "in": "query", "schema": {"type": "integer", "default": 0}},
     {"$ref": "#/components/parameters/limit"}], "responses": {"200": {"description":
     "hash = SHA-256(prev_hash, line feed, text), in hex.", "content": {"application/json":
     {"schema": {"type": "object", "required": ["entries", "head"], "properties": {"entries":
     {"type": "array", "items": {"type": "object", "required": ["seq", "at_us", "actor", "auth",
     "source", "action", "text", "prev_hash", "hash"]}}, "head": {"type": "object", "required":
     ["seq", "hash"]}}}}}}, "401": {"$ref": "#/components/responses/Problem"}, "403": {"$ref":
     "#/components/responses/Problem"}, "422": {"$ref": "#/components/responses/Problem"}, "503":
     {"$ref": "#/components/responses/Problem"}}}
  },
  "/v1/audit/anchors": {
   "get": {"operationId": "auditAnchors", "summary": "Where the chain's head stood, by the hour",
     "x-role": "read", "responses": {"200": {"description": "As in state_dir/audit-anchor.",
     "content": {"application/json": {"schema": {"type": "object", "required": ["anchors"]}}}},
     "401": {"$ref": "#/components/responses/Problem"}, "403": {"$ref":
     "#/components/responses/Problem"}}}
  },)json";

inline constexpr char openapi_people_schemas[] = R"json(
   "Token": {"type": "object", "required": ["id", "name", "role", "services", "from", "state",
     "created_at", "created_by", "expires_at", "last_used_at"], "properties": {"id": {"type":
     "string"}, "name": {"type": "string"}, "role": {"$ref": "#/components/schemas/Role"},
     "services": {"type": ["array", "null"], "description": "null: all."}, "from": {"enum":
     ["configuration", "ledger"]}, "state": {"enum": ["valid", "expiring", "expired", "revoked"]},
     "created_at": {"type": ["string", "null"]}, "created_by": {"type": "string"}, "expires_at":
     {"type": ["string", "null"]}, "last_used_at": {"type": ["string", "null"]}, "revoked_at":
     {"type": "string"}, "revoked_by": {"type": "string"}, "durable": {"type": "boolean",
     "description": "False: in force, but not in the ledger yet."}}},
   "MadeToken": {"allOf": [{"$ref": "#/components/schemas/Token"}, {"type": "object", "required":
     ["token", "sha256", "durable"], "properties": {"token": {"type": "string"}, "sha256": {"type":
     "string"}, "replaces": {"$ref": "#/components/schemas/Token"}}}]},)json";

}  // namespace switchback::api
