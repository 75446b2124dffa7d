--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/accounts/scripts/admission"
--- @include "@darkroom/queue/scripts/add-job"
--- @include "lane-priority"
--- @include "earlier-request"
--- @include "recount"
--- @include "tenant-memory"
-- Accepts a generation, or finds the one of an earlier request that is equal to this one (earlier-request.lua). Safe to repeat: a second
-- call with the same id changes nothing.
--   KEYS[1] record  KEYS[2] queued  KEYS[3] expiring  KEYS[4] pending  KEYS[5] the tenant's index  KEYS[6] ranks of the lane
--   KEYS[7] begins the names of what BullMQ keeps of the lane  KEYS[8] the root of all names
--   ARGV[1…7] as of attach.lua
--   ARGV[8] tenant  ARGV[9] milliseconds it may wait, or 0  ARGV[10] milliseconds its idempotency key lasts after its ending
--   ARGV[11] what it asks of its key, see admission.lua  ARGV[12] '1' to put its job on the lane, too
--   ARGV[13…] field, value, … of the record
-- Answers { 'accepted', its priority on the lane, its key's window, why its job is not on the lane although it should be, or '' },
-- { 'refused', … } as `admit` does, or what earlier-request.lua does.
-- A request that is attached to an earlier generation uses nothing of the limits, because the earlier request did.
local id, key, body, claim, caller, tenant, time = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[8], now()
local rank = redis.call('HGET', KEYS[1], 'rank')
-- The first call has put the job on the lane, or recovery does.
if rank then return { 'accepted', priority_of(KEYS[6], rank), told_window(root, key, ARGV[11], time), '' } end

local watches = ARGV[6] == '1'
local earlier =
  find_earlier({ id = id, key = key, body = body, claim = claim, caller = caller, watches = watches, force_new = ARGV[7] }, time)
if earlier then return earlier end

local refused = admit(root, key, ARGV[11], time)
if refused then return refused end

redis.call('HINCRBY', KEYS[4], tenant, 1)
local priority
rank, priority = rank_job(KEYS[6], tenant)
local fields = { unpack(ARGV, 13) }
local bytes = record_overhead + length_of(fields)
local function set(field, value)
  fields[#fields + 1] = field
  fields[#fields + 1] = value
end
if claim ~= '' then
  set('claim', claim)
  set('claimMs', ARGV[10])
end
if watches then set('watchers', channel_of(caller)) end
if ARGV[9] ~= '0' then set('expiresAt', time + ARGV[9]) end
-- stylua: ignore
redis.call('HSET', KEYS[1], 'id', id, 'tenant', tenant, 'status', 'queued', 'version', 1, 'createdAt', time, 'rank', rank,
  'keyId', key, 'body', body, 'mayPack', '1', 'bytes', bytes, unpack(fields))
add_bytes(root, tenant, bytes)
count_new(root, KEYS[1], KEYS[4], tenant, key, false)
if claim ~= '' then
  -- Without an expiry: it lasts until its generation has ended.
  redis.call('SET', root .. 'claim:' .. key .. ':' .. claim, body .. ' ' .. id)
else
  note_unanswered(key, body, id, 1)
end
if caller ~= '' then redis.call('SADD', waiters_of(id), caller) end
if ARGV[9] ~= '0' then redis.call('ZADD', KEYS[3], time + ARGV[9], id) end
redis.call('ZADD', KEYS[2], time, id)
redis.call('ZADD', KEYS[5], time, id)
-- The record is authoritative: a lane that cannot take the job must not keep the caller from its generation.
local fault = ''
if ARGV[12] == '1' then
  local added, why = pcall(add_job, KEYS[7], id, priority, time)
  if not added then fault = tostring(type(why) == 'table' and why.err or why) end
end
return { 'accepted', priority, told_window(root, key, ARGV[11], time), fault }
