--- @include "@darkroom/redis/scripts/now"
-- Writes a new batch, or finds the one that this request has made before. Safe to repeat: a second call with the same id changes nothing.
--   KEYS[1] record  KEYS[2] active batches  KEYS[3] the tenant's batches
--   KEYS[4] claim of the idempotency key  KEYS[5] list of the batches of this body  KEYS[6] times of the key's latest creations
--   ARGV[1] id  ARGV[2] tenant  ARGV[3] completion window in milliseconds
--   ARGV[4] fingerprint of the body  ARGV[5] milliseconds the idempotency key lasts after the ending, 0 without one
--   ARGV[6] milliseconds a body is remembered, 0 where the caller's client does not count its retries  ARGV[7] '1' for such a retry
--   ARGV[8] how many creations the key may have within the time of ARGV[9], in milliseconds
--   ARGV[10] '1' to look only, and write nothing
--   ARGV[11…] field, value, … of the record
-- Answers { 'created', how many the key has made within that time }, { 'attached', id }, { 'mismatch', id } where the idempotency key stands
-- for another body, { 'limited', milliseconds to wait }, or { 'none' } where it was to look only and there is none.
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'created', redis.call('LLEN', KEYS[6]) } end
local id, fingerprint = ARGV[1], ARGV[4]
local prefix = string.sub(KEYS[1], 1, #KEYS[1] - #id)
local function kept(found)
  return redis.call('EXISTS', prefix .. found) == 1
end

if ARGV[5] ~= '0' then
  local claimed, found = string.match(redis.call('GET', KEYS[4]) or '', '^(%S+) (%S+)$')
  if found and kept(found) then return { claimed == fingerprint and 'attached' or 'mismatch', found } end
elseif ARGV[7] == '1' then
  for _, found in ipairs(redis.call('LRANGE', KEYS[5], 0, -1)) do
    if kept(found) then return { 'attached', found } end
  end
end

if ARGV[10] == '1' then return { 'none' } end

-- The latest creations come first. If the last one that the limit allows is within the span, one more would be too many.
local time, most, span = now(), tonumber(ARGV[8]), tonumber(ARGV[9])
local nth = redis.call('LINDEX', KEYS[6], most - 1)
if nth and nth + span > time then return { 'limited', nth + span - time } end
redis.call('LPUSH', KEYS[6], time)
redis.call('LTRIM', KEYS[6], 0, most - 1)
while redis.call('LINDEX', KEYS[6], -1) + span <= time do
  redis.call('RPOP', KEYS[6])
end
redis.call('PEXPIRE', KEYS[6], span)

-- Without an expiry: it lasts until its batch has ended.
if ARGV[5] ~= '0' then
  redis.call('SET', KEYS[4], fingerprint .. ' ' .. id)
  redis.call('HSET', KEYS[1], 'claim', KEYS[4], 'claimMs', ARGV[5])
end
if ARGV[6] ~= '0' then
  redis.call('LPUSH', KEYS[5], id)
  redis.call('LTRIM', KEYS[5], 0, 19)
  redis.call('PEXPIRE', KEYS[5], ARGV[6])
end
-- stylua: ignore
redis.call('HSET', KEYS[1], 'id', id, 'tenant', ARGV[2], 'status', 'validating', 'version', 1, 'createdAt', time,
  'expiresAt', time + ARGV[3], unpack(ARGV, 11))
redis.call('ZADD', KEYS[2], time, id)
redis.call('ZADD', KEYS[3], time, id)
return { 'created', redis.call('LLEN', KEYS[6]) }
