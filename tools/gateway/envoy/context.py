"""What a request is given on its way in, where Envoy has no filter for it: a trace, and one spelling of its token.

Nothing here opens a door: when the script fails, the request goes on as it came, to the exchange and the JWT check.
"""

from __future__ import annotations

from typing import Any

# A valid `traceparent` (W3C trace context) is kept. Otherwise the trace gets the request's id, so that one leads to
# the other; its parent is the half of the id that is never zero. The scheme of a token is spelled in one way, since
# each spelling would have a bucket of its own in the throttle.
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
