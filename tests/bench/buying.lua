-- The requests of bench_buying.py: wrk -s buying.lua <url> -- <kind> <file with ids, one a line> [<location id>]
local kind, ids, location
local count = 0

function init(arguments)
  kind, location = arguments[1], arguments[3]
  ids = {}
  for line in io.lines(arguments[2]) do ids[#ids + 1] = line end
end

-- Each product is put in, and once all are in each is taken out again: every request is a change.
local function change_cart()
  local round, place = math.floor(count / #ids), count % #ids + 1
  count = count + 1
  return wrk.format(round % 2 == 0 and 'PUT' or 'DELETE', '/shopping/v1/cart/items/' .. ids[place])
end

local function place_order()
  count = count + 1
  if count > #ids then wrk.thread:stop() end
  local id = ids[math.min(count, #ids)]
  local headers = {}
  for name, value in pairs(wrk.headers) do headers[name] = value end
  headers['Content-Type'] = 'application/json'
  headers['Idempotency-Key'] = 'bench-' .. id
  local body = string.format('{"product_ids": ["%s"], "pickup_location_id": "%s"}', id, location)
  return wrk.format('POST', '/customer/v1/buying-orders', headers, body)
end

function request()
  if kind == 'cart' then return change_cart() end
  if kind == 'order' then return place_order() end
  return wrk.format(kind == 'read' and 'GET' or 'PUT')
end
