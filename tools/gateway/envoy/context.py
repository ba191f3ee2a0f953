"""The Lua filter: it adds a trace context to requests and normalizes the `Authorization` header.

It grants no access: when the script fails, the unchanged request still passes the token exchange and the JWT check.
"""

from __future__ import annotations

from typing import Any

# A valid `traceparent` (W3C trace context) is kept. Otherwise the trace id is the request id, so that both can be
# found in all logs; the parent id is the half of it that is never zero. "Bearer" gets one spelling, since the
# throttle has a bucket for each value of the header.
_SCRIPT = """
local HEX = "[0-9a-f]"
local TRACEPARENT = "^00%-(" .. HEX:rep(32) .. ")%-(" .. HEX:rep(16) .. ")%-" .. HEX:rep(2) .. "$"
local BEARER = "^[Bb][Ee][Aa][Rr][Ee][Rr] (%S+)$"

local function is_valid(traceparent)
  local trace, parent = (traceparent or ""):match(TRACEPARENT)
  return trace ~= nil and trace:find("[^0]") ~= nil and parent:find("[^0]") ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if not is_valid(headers:get("traceparent")) then
    local id = headers:get("x-request-id"):gsub("-", "")
    headers:remove("tracestate")
    headers:replace("traceparent", "00-" .. id .. "-" .. id:sub(17) .. "-01")
  end
  local token = (headers:get("authorization") or ""):match(BEARER)
  if token then
    headers:replace("authorization", "Bearer " .. token)
  end
end
"""


def request_context() -> dict[str, Any]:
    """The configuration of Envoy's Lua filter."""
    return {"default_source_code": {"inline_string": _SCRIPT}}
