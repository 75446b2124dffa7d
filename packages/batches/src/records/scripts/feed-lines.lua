--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/accounts/scripts/admission"
--- @include "@darkroom/generations/scripts/lane-priority"
--- @include "@darkroom/generations/scripts/recount"
-- Takes the next lines of a batch in, and records the position in the same step. So no line is taken in twice or left out, whichever worker
-- feeds and whatever crashes. Safe to repeat: the same call gets the same answer again, so that its lines are put on their lane.
--   KEYS[1] batch  KEYS[2] ended lines of the batch  KEYS[3] lines of the batch with a record  KEYS[4] queued
--   KEYS[5] pending of the lane  KEYS[6] the tenant's index  KEYS[7] ranks of the lane  KEYS[8] the root of all names
--   ARGV[1] batch id  ARGV[2] tenant  ARGV[3] API key  ARGV[4] lane  ARGV[5] model  ARGV[6] index of the first line
--   ARGV[7] names this call
--   ARGV[8…] for each line: generation id, custom id, request, upstream, terms, what its answer depends on, what it needs from its key
--   (see admission.lua), what is reserved for it, its place in a trace or ''
-- Answers 'stopped' where no more lines of the batch may be fed; 'moved' where another worker has fed since; or a priority for each line, 0 for
-- a line that has ended because spent money leaves no room for it. Where a line has no room only because of reserved money, it and the
-- lines after it are not taken in, and the answer has fewer priorities than lines were given.
local status, outcome, fed, fed_by, fed_priorities, policy =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'outcome', 'fed', 'fedBy', 'fedRanks', 'billUndelivered'))
if fed_by == ARGV[7] then return cjson.decode(fed_priorities) end
if status ~= 'in_progress' or outcome then return 'stopped' end
local index = tonumber(ARGV[6])
if (tonumber(fed) or 0) ~= index then return 'moved' end

local root, tenant, key, time = KEYS[8], ARGV[2], ARGV[3], now()
local priorities, ids = {}, {}
for at = 8, #ARGV, 9 do
  local id, custom_id, request, upstream, terms, answer, asks, reserved, trace = unpack(ARGV, at, at + 8)
  local admission = admit_line(root, key, asks, time)
  if admission == 'waits' then break end
  if admission == 'refused' then
    redis.call('RPUSH', KEYS[2], cjson.encode({ index = index, custom_id = custom_id, at = time }))
    priorities[#priorities + 1] = 0
  else
    local rank, priority = rank_job(KEYS[7], tenant)
    -- stylua: ignore
    redis.call('HSET', root .. 'generation:' .. id, 'id', id, 'tenant', tenant, 'status', 'queued', 'version', 1,
      'createdAt', time, 'rank', rank, 'keyId', key, 'lane', ARGV[4], 'model', ARGV[5], 'batchId', ARGV[1],
      'lineIndex', index, 'customId', custom_id, 'request', request, 'upstream', upstream, 'terms', terms,
      'answer', answer, 'reserved', reserved, 'billUndelivered', policy or 'none')
    if trace ~= '' then redis.call('HSET', root .. 'generation:' .. id, 'trace', trace) end
    count_new(root, root .. 'generation:' .. id, KEYS[5], tenant, key, true)
    redis.call('ZADD', KEYS[4], time, id)
    redis.call('ZADD', KEYS[6], time, id)
    priorities[#priorities + 1] = priority
    ids[#ids + 1] = id
  end
  index = index + 1
end
-- A call that takes no line in writes nothing: the same call may find room later.
if #priorities == 0 then return priorities end
if #ids > 0 then
  redis.call('SADD', KEYS[3], unpack(ids))
  redis.call('HINCRBY', KEYS[5], tenant, #ids)
end
redis.call('HSET', KEYS[1], 'fed', index, 'fedBy', ARGV[7], 'fedRanks', cjson.encode(priorities))
return priorities
