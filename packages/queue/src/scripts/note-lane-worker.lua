--- @include "@darkroom/redis/scripts/now"
-- Notes how a worker works off its lanes, and removes what workers noted that have not been heard of for a while.
--   KEYS[1] HASH: `lane worker` → 'until concurrency serviceMs', and for a time without workers `lane` → 'concurrency serviceMs'
--   ARGV[1] names the worker  ARGV[2] milliseconds for which its notes last, or 0 where it stops
--   ARGV[3…] for each lane: lane, concurrency, how long a job takes in milliseconds or '-'
-- Answers 'ok'.
local time, told_ms = now(), tonumber(ARGV[2])
-- A time that is further ahead was noted before the clock was set back. A worker that stops does not know how long notes last.
local latest = told_ms > 0 and time + 2 * told_ms or math.huge
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  local is_worker = string.find(fields[at], ' ', 1, true)
  local ends = tonumber(string.match(fields[at + 1], '^%d+'))
  if is_worker and (not ends or ends <= time or ends > latest) then redis.call('HDEL', KEYS[1], fields[at]) end
end
for at = 3, #ARGV, 3 do
  local lane, concurrency, service = unpack(ARGV, at, at + 2)
  if told_ms == 0 then
    redis.call('HDEL', KEYS[1], lane .. ' ' .. ARGV[1])
  else
    local ends = string.format('%d', time + told_ms)
    redis.call('HSET', KEYS[1], lane .. ' ' .. ARGV[1], ends .. ' ' .. concurrency .. ' ' .. service)
  end
  -- A worker that has just started does not know yet how long a job takes.
  if service == '-' then service = string.match(redis.call('HGET', KEYS[1], lane) or '', ' (%d+)$') or '-' end
  redis.call('HSET', KEYS[1], lane, concurrency .. ' ' .. service)
end
return 'ok'
