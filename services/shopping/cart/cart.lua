-- One atomic step on the cart of one customer: merge what another copy has, change, raise the version, answer all.
-- KEYS: the cart's hash, the sorted set of carts that are not yet known to be in the relational database.
-- ARGV[1]: a JSON request, see cart_cache.py. Times are Unix milliseconds, prices minor units.
-- An entry is "changed_at|present|added_at|amount|currency". The rules are those of cart_entries.py, and a test
-- compares the two.
local cart_key, unsaved_key = KEYS[1], KEYS[2]
local request = cjson.decode(ARGV[1])

local function whole(number)
  return string.format('%.0f', number)
end

local function fields_of(text)
  local changed_at, present, added_at, amount, currency =
    string.match(text, '^(%d+)|([01])|(%d+)|(%-?%d+)|(.*)$')
  return {
    changed_at = tonumber(changed_at),
    present = present == '1',
    added_at = added_at,
    price = amount .. '|' .. currency,
  }
end

local function is_younger(text, other)
  if not other then return true end
  local one, two = fields_of(text).changed_at, fields_of(other).changed_at
  return one > two or (one == two and text > other)
end

local function count_present(entries)
  local count = 0
  for _, text in pairs(entries) do
    if fields_of(text).present then count = count + 1 end
  end
  return count
end

local function drop_oldest_removed(entries)
  local taken_out = {}
  for product_id, text in pairs(entries) do
    local fields = fields_of(text)
    if not fields.present then taken_out[#taken_out + 1] = {product_id, fields.changed_at} end
  end
  table.sort(taken_out, function(one, two)
    if one[2] ~= two[2] then return one[2] > two[2] end
    return one[1] < two[1]
  end)
  for index = request.max_removed + 1, #taken_out do entries[taken_out[index][1]] = nil end
end

local function differ(entries, others)
  for product_id, text in pairs(entries) do
    if others[product_id] ~= text then return true end
  end
  for product_id in pairs(others) do
    if not entries[product_id] then return true end
  end
  return false
end

local function text_after(known_text, change)
  local known = known_text and fields_of(known_text)
  local in_cart = known and known.present
  local price = whole(change.price_amount) .. '|' .. change.price_currency
  if not change.present and not in_cart then return nil end
  local added_until = change.added_until_ms
  if not change.present and added_until > 0 and added_until < tonumber(known.added_at) then return nil end
  if change.present and in_cart and known.price == price then return nil end
  local changed_at = request.now_ms
  if known then changed_at = math.max(changed_at, known.changed_at + 1) end
  local added_at = whole(request.now_ms)
  if change.present and in_cart then added_at = known.added_at end
  return table.concat({whole(changed_at), change.present and '1' or '0', added_at, price}, '|')
end

-- A server that was restarted, failed over or restored may have lost the latest changes: its carts are compared
-- with the relational database once before they count again. The server's run id tells.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or 'unknown'
if request.only_if_checked and redis.call('HGET', cart_key, '#checked_on') ~= server then
  return {'unchecked'}
end

local stored, entries, meta = {}, {}, {}
local flat = redis.call('HGETALL', cart_key)
for index = 1, #flat, 2 do
  local name, value = flat[index], flat[index + 1]
  if string.sub(name, 1, 1) == '#' then
    meta[name] = value
  else
    stored[name] = value
    entries[name] = value
  end
end
local version, updated_at = tonumber(meta['#version'] or '0'), tonumber(meta['#updated_at'] or '0')

local other, ahead = request.other, false
if other then
  local others = {}
  for _, pair in ipairs(other.entries) do
    others[pair[1]] = pair[2]
    if is_younger(pair[2], entries[pair[1]]) then entries[pair[1]] = pair[2] end
  end
  drop_oldest_removed(entries)
  local behind = differ(entries, stored)
  ahead = differ(entries, others)
  -- Content that has no number yet gets one that neither copy has used.
  if behind and (ahead or version >= other.version) or ahead and other.version >= version then
    version = math.max(version, other.version) + 1
  else
    version = math.max(version, other.version)
  end
  updated_at = math.max(updated_at, other.updated_at_ms)
  ahead = ahead or version > other.version
end

local changed = {}
for product_id, text in pairs(entries) do changed[product_id] = text end
for _, change in ipairs(request.changes) do
  local text = text_after(changed[change.product_id], change)
  if text then changed[change.product_id] = text end
end
local outcome = 'unchanged'
if differ(changed, entries) then
  local present_before = count_present(entries)
  if count_present(changed) > math.max(request.max_items, present_before) then
    outcome = 'full'
  else
    outcome = 'changed'
    drop_oldest_removed(changed)
    entries, version, updated_at = changed, version + 1, request.now_ms
  end
end

if outcome == 'changed' or other then
  for product_id in pairs(stored) do
    if not entries[product_id] then redis.call('HDEL', cart_key, product_id) end
  end
  for product_id, text in pairs(entries) do
    if stored[product_id] ~= text then redis.call('HSET', cart_key, product_id, text) end
  end
  redis.call('HSET', cart_key, '#version', whole(version), '#updated_at', whole(updated_at))
  if request.other_is_saved then redis.call('HSET', cart_key, '#checked_on', server) end
  redis.call('EXPIRE', cart_key, request.seconds_kept)
  -- Unsaved from its first change on, until this very version was seen in the relational database.
  if outcome == 'changed' or ahead then
    redis.call('ZADD', unsaved_key, 'NX', whole(request.now_ms), request.customer_id)
  elseif request.other_is_saved then
    redis.call('ZREM', unsaved_key, request.customer_id)
  end
end

local pairs_of_entries = {}
for product_id, text in pairs(entries) do
  pairs_of_entries[#pairs_of_entries + 1] = product_id
  pairs_of_entries[#pairs_of_entries + 1] = text
end
return {outcome, whole(version), whole(updated_at), pairs_of_entries}
