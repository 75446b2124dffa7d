-- Accepts a generation, or finds the one that this request has made before. Safe to repeat: a second call with the same id changes
-- nothing.
--   KEYS[1] record  KEYS[2] queued  KEYS[3] expiring  KEYS[4] pending  KEYS[5] the tenant's index
--   KEYS[6] claim of the idempotency key  KEYS[7] list of the generations of this body  KEYS[8] ranks of the lane
--   KEYS[9] the root of all names, for what the API key is charged (packages/accounts/src/scripts)
--   ARGV[1] id  ARGV[2] tenant  ARGV[3] milliseconds it may wait, or 0  ARGV[4] reply channel, or ''  ARGV[5] '1' to watch, too
--   ARGV[6] fingerprint of the body  ARGV[7] milliseconds a claim is kept, 0 without an idempotency key
--   ARGV[8] milliseconds a body is remembered, 0 where the caller's client does not count its retries  ARGV[9] '1' for such a retry
--   ARGV[10] API key  ARGV[11] what it asks of its key, see admission.lua
--   ARGV[12…] field, value, … of the record
-- Answers { 'accepted', its rank on the lane, its key's window }, { 'refused', … } as `admit` does, { 'attached', id } or
-- { 'mismatch', id }. What is attached to was paid for by the one that made it, and takes nothing from the limits.
local id = ARGV[1]
local root, key = KEYS[9], ARGV[10]
local time = now()
local rank = redis.call('HGET', KEYS[1], 'rank')
if rank then return { 'accepted', tonumber(rank), told_window(root, key, ARGV[11], time) } end

local prefix = string.sub(KEYS[1], 1, #KEYS[1] - #id)
local function field(of, name) return redis.call('HGET', prefix .. of, name) end

local function attach(found)
  local status = field(found, 'status')
  if ARGV[4] ~= '' and (status == 'queued' or status == 'running') then
    for _, list in ipairs(ARGV[5] == '1' and { 'waiters', 'watchers' } or { 'waiters' }) do
      local channels = field(found, list) or ''
      if not string.find(' ' .. channels .. ' ', ' ' .. ARGV[4] .. ' ', 1, true) then
        redis.call('HSET', prefix .. found, list, channels .. ' ' .. ARGV[4])
      end
    end
  end
  redis.call('HDEL', prefix .. found, 'orphan')
  return { 'attached', found }
end

-- One that was canceled because its caller left, or its key was stopped, has bought nothing and answers nobody: the next request starts
-- anew.
local function answers(found)
  local status = field(found, 'status')
  return status and not (status == 'canceled' and (field(found, 'abandoned') or field(found, 'stopped')))
end

if ARGV[7] ~= '0' then
  local claim = redis.call('GET', KEYS[6])
  if claim then
    local fingerprint, found = string.match(claim, '^(%S+) (%S+)$')
    if answers(found) then
      if fingerprint ~= ARGV[6] then return { 'mismatch', found } end
      return attach(found)
    end
  end
elseif ARGV[9] == '1' then
  -- The one whose caller is known to have left; else, its process having died with it, the latest.
  local latest
  for _, found in ipairs(redis.call('LRANGE', KEYS[7], 0, -1)) do
    if answers(found) then
      if field(found, 'orphan') then return attach(found) end
      latest = found
    end
  end
  if latest then return attach(latest) end
end

local refused = admit(root, key, ARGV[11], time)
if refused then return refused end

if ARGV[7] ~= '0' then redis.call('SET', KEYS[6], ARGV[6] .. ' ' .. id, 'PX', ARGV[7]) end
if ARGV[8] ~= '0' then
  redis.call('RPUSH', KEYS[7], id)
  redis.call('LTRIM', KEYS[7], -20, -1)
  redis.call('PEXPIRE', KEYS[7], ARGV[8])
end

redis.call('HINCRBY', KEYS[4], ARGV[2], 1)
rank = next_rank(KEYS[8], ARGV[2])
redis.call('HSET', KEYS[1], 'id', id, 'tenant', ARGV[2], 'status', 'queued', 'version', 1, 'createdAt', time, 'rank', rank,
  'keyId', key, unpack(ARGV, 12))
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'waiters', ARGV[4])
  if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'watchers', ARGV[4]) end
end
if ARGV[3] ~= '0' then
  redis.call('HSET', KEYS[1], 'expiresAt', time + ARGV[3])
  redis.call('ZADD', KEYS[3], time + ARGV[3], id)
end
redis.call('ZADD', KEYS[2], time, id)
redis.call('ZADD', KEYS[5], time, id)
return { 'accepted', rank, told_window(root, key, ARGV[11], time) }
