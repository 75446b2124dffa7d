--- @include "@darkroom/accounts/scripts/queued"
--- @include "@darkroom/accounts/scripts/stopped"
--- @include "ending"
--- @include "lane-priority"
-- Begins an attempt. Its number is the fencing token of all later writes. A generation that may not begin any more ends here, in the same
-- step.
--   KEYS[9] begins the names of the lane's starts, one for each span of time  KEYS[10] begins those of what BullMQ keeps of the lane
--   KEYS[11] how the lane backs off, see lane-refused.lua
--   ARGV[1] id  ARGV[2] token of this call: repeated after a lost answer, it is answered as it was
--   ARGV[3] version of the record that the worker has read  ARGV[4] retention in milliseconds
--   ARGV[5] length of a span in milliseconds  ARGV[6] milliseconds for which starts are counted
-- Answers 'gone', 'ended', 'expired', 'stopped' (its key is no longer in use; it is canceled), 'changed' (it is to be read again), the
-- milliseconds that are left of the pause before its next attempt, or { the number of the attempt, the time of the first, how the
-- generation ends where nothing more is to be bought for it, or '', '1' where the lane backs off and is to hear of calls that its upstream
-- accepts, the fields of the record, by turns name and value }. An earlier attempt may have noted a delivery after the worker has read the
-- record. The first attempt has none before it, and no fields.
local id = ARGV[1]
-- stylua: ignore
local status, expires, started, attempts, version, watchers, rank, key, batch, token, stopped, counted, resumes, pause =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'expiresAt', 'startedAt', 'attempts', 'version', 'watchers', 'rank', 'keyId', 'batchId',
    'startToken', 'stopped', 'counted', 'resumesAt', 'pauseMs'))
if not status then return 'gone' end
-- The line of a batch that was canceled or is out of time.
local outcome = batch and redis.call('HGET', root .. 'batch:' .. batch, 'outcome')
local halted = outcome == 'cancelled' and 'canceled' or outcome == 'expired' and 'expired' or ''
local function begun()
  local fields = tonumber(attempts) > 1 and redis.call('HGETALL', KEYS[1]) or {}
  -- A lane that is refused after this moment learns nothing from an attempt that began before (lane-accepted.lua).
  local backs_off = redis.call('HGET', KEYS[10] .. 'meta', 'max') or (redis.call('HGET', KEYS[11], 'refusals') or '0') ~= '0'
  return { tonumber(attempts), tonumber(started), halted, backs_off and '1' or '', fields }
end
if status == 'running' and token == ARGV[2] then return begun() end
if status == 'expired' then return 'expired' end
if status == 'canceled' and stopped then return 'stopped' end
if is_ending(status) then return 'ended' end
local time = now()
if not started and expires and time >= tonumber(expires) then
  end_generation(id, 'expired', ARGV[4], {}, '')
  return 'expired'
end
-- A generation that has begun goes on, because it may be paid for. For a stopped batch its stored images are delivered, and nothing more is
-- bought.
if not started and halted ~= '' then
  end_generation(id, halted, ARGV[4], {}, '')
  return 'ended'
end
-- A batch stops its lines by itself.
if not started and not batch and is_stopped(root, key, time) then
  end_generation(id, 'canceled', ARGV[4], { 'stopped', '1' }, '')
  return 'stopped'
end
-- Its job came too early: it was taken from a worker that died, or a worker whose clock is ahead has ended its pause. A rest that is longer
-- than the whole pause comes from a clock that was set back.
local left = status == 'queued' and pause and resumes - time or 0
if left > 0 and left <= tonumber(pause) then return left end
if version ~= ARGV[3] then return 'changed' end

attempts = (tonumber(attempts) or 0) + 1
local fields = { 'status', 'running', 'attempts', attempts, 'startToken', ARGV[2] }
local function set(field, value)
  fields[#fields + 1] = field
  fields[#fields + 1] = value
end
-- The attempt that began this life, should it turn out to be none: see put-in-line.lua.
if not started then set('firstAttempt', attempts) end
started = started or string.format('%d', time)
set('startedAt', started)
-- The previous attempt has died, and may have called a provider.
if status == 'running' then set('inDoubt', '1') end
move(id, version, watchers, fields)
begin_rank(root, KEYS[8], KEYS[10], tonumber(rank) or 0)
if status == 'queued' then
  if not batch then count_queued(root, key, -1) end
  count_move(root, counted, KEYS[5], '', key, batch, 0, 0, -1)
end
redis.call('ZADD', KEYS[2], time, id)
redis.call('ZREM', KEYS[3], id)
if expires then redis.call('ZREM', KEYS[4], id) end
local starts = KEYS[9] .. string.format('%d', math.floor(time / ARGV[5]))
if redis.call('INCR', starts) == 1 then redis.call('PEXPIRE', starts, ARGV[6]) end
return begun()
