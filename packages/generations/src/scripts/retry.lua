--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/accounts/scripts/admission"
--- @include "lane-priority"
--- @include "callers"
--- @include "recount"
--- @include "supersede"
-- Queues a failed, canceled or expired generation again under its own id, or a succeeded one whose images are gone from the object store,
-- which buys all of them again. Safe to repeat: the same call gets the same answer again.
--   ARGV[1] id  ARGV[2] tenant  ARGV[3] what it asks of its key, see admission.lua  ARGV[4] the worst it can cost, or '-'
--   ARGV[5] names this call  ARGV[6] version of the record whose images are known to be gone, or ''
-- Answers { 'packed' } where the record is to be unpacked first, { 'gone' }, { 'succeeded' }, { 'unended' } or { 'batched' } where there is nothing to retry, { 'refused', … } as `admit` does, or
-- { 'accepted', its new priority, its key's window }.
local status, version, attempts, key, batch, body, claim, rank, retried_by =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'version', 'attempts', 'keyId', 'batchId', 'body', 'claim', 'rank', 'retriedBy'))
if not status then return { 'gone' } end
local is_repeated = retried_by == ARGV[5]
-- Before the next check: a record that is not queued again stays compressed.
if not is_repeated and status == 'succeeded' and version ~= ARGV[6] then return { 'succeeded' } end
-- What it is to be queued with is compressed. The caller unpacks it, and calls again.
if redis.call('HEXISTS', KEYS[1], 'packed') == 1 then return { 'packed' } end
local time = now()
if is_repeated then return { 'accepted', priority_of(KEYS[8], rank), told_window(root, key, ARGV[3], time) } end
if not is_ending(status) then return { 'unended' } end
-- The line of a batch: its ending goes into the output of the batch.
if batch then return { 'batched' } end
local refused = admit(root, key, ARGV[3], time)
if refused then return refused end
if status == 'succeeded' then
  -- Some of its images may be left.
  local kept = superseded_by(nil, unpack(redis.call('HMGET', KEYS[1], 'delivery', 'superseded')))
  if kept then redis.call('HSET', KEYS[1], 'superseded', kept) end
  redis.call('HDEL', KEYS[1], 'delivery')
end
redis.call('HINCRBY', KEYS[5], ARGV[2], 1)
local priority
rank, priority = rank_job(KEYS[8], ARGV[2])
-- stylua: ignore
redis.call('HDEL', KEYS[1], 'endedAt', 'startedAt', 'error', 'failures', 'handbacks', 'resumesAt', 'pauseMs', 'abandoned', 'stopped',
  'mayBeCharged', 'expiresAt', 'cost', 'missing', 'firstAttempt', 'limitedSince', 'inDoubt')
-- The number of attempts goes on, because it is the fencing token; earlier attempts do not count as crashes of the new life. A caller that
-- retries by id also reads by id, so the generation is kept, and no request without an idempotency key gets it. It has no watchers, because
-- it had ended.
-- stylua: ignore
move(ARGV[1], version, nil, { 'status', 'queued', 'rank', rank, 'handbacks', attempts or 0, 'kept', '1', 'answered', '1',
  'reserved', ARGV[4], 'retriedBy', ARGV[5], 'queuedAt', time, 'shownBefore', redis.call('LLEN', root .. 'partials:' .. ARGV[1]) })
if claim then
  local name = root .. 'claim:' .. key .. ':' .. claim
  local stands_for = redis.call('GET', name)
  -- The key lasts again until the generation has ended, unless it now stands for another generation.
  if not stands_for or stands_for == body .. ' ' .. ARGV[1] then redis.call('SET', name, body .. ' ' .. ARGV[1]) end
elseif body then
  redis.call('ZREM', unanswered_of(key, body), ARGV[1])
end
count_new(root, KEYS[1], KEYS[5], ARGV[2], key, false)
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZADD', KEYS[3], time, ARGV[1])
return { 'accepted', priority, told_window(root, key, ARGV[3], time) }
