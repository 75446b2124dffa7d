-- Begins an attempt: the attempt number it sets is the fencing token under which everything later is written.
--   KEYS[9] starts of the lane in this span of time
--   ARGV[1] id  ARGV[2] milliseconds for which starts are counted
-- Answers 'gone', 'ended', 'overdue' (it must expire), 'stopped' (its key is no longer in use), or what it changed in the record, as
-- field, value, …
local id = ARGV[1]
local status, expires, started, attempts, version, watchers, rank, key, batch = unpack(redis.call('HMGET', KEYS[1],
  'status', 'expiresAt', 'startedAt', 'attempts', 'version', 'watchers', 'rank', 'keyId', 'batchId'))
if not status then return 'gone' end
if is_ending(status) then return 'ended' end
local time = now()
if expires and not started and time >= tonumber(expires) then return 'overdue' end
-- What was begun goes on: it may be paid for. And a batch stops its lines by itself.
if not started and not batch and is_stopped(root, key, time) then return 'stopped' end

attempts = (tonumber(attempts) or 0) + 1
local change = { 'status', 'running', 'attempts', attempts, 'startedAt', started or string.format('%d', time) }
move(id, version, watchers, change)
reach_rank(KEYS[8], tonumber(rank))
if status == 'queued' and not batch then count_queued(root, key, -1) end
redis.call('ZADD', KEYS[2], time, id)
redis.call('ZREM', KEYS[3], id)
if expires then redis.call('ZREM', KEYS[4], id) end
if redis.call('INCR', KEYS[9]) == 1 then redis.call('PEXPIRE', KEYS[9], ARGV[2]) end
return change
