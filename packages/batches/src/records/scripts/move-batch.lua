--- @include "@darkroom/redis/scripts/now"
--- @include "held-lines"
-- Moves a batch to another status, or sets fields in the same status. The time of a status is when the batch first came to it. Safe to repeat:
-- the same call gets the same answer again, as long as no other call has moved the batch since.
--   KEYS[1] record  KEYS[2] active batches  KEYS[3] batches that feed its lane  KEYS[4] outbox
--   KEYS[5] ended batches  KEYS[6] the root of all names
--   ARGV[1] id  ARGV[2] names this call  ARGV[3] statuses that it may be in, with blanks between  ARGV[4] status that it comes to
--   ARGV[5…] field, value, …
-- Answers 'ok', 'gone', or 'refused' where it is in another status, or is said to be ready and has lines on its lane; or, where it is to be
-- accepted and its tenant would have more unfinished lines than it may, how many these are without it.
-- stylua: ignore
local status, version, webhook, events, fed, completed, failed, moved_by, tenant, most_lines = unpack(redis.call('HMGET', KEYS[1],
  'status', 'version', 'webhook', 'webhookEvents', 'fed', 'completed', 'failed', 'movedBy', 'tenant', 'mostLines'))
if not status then return 'gone' end
if moved_by == ARGV[2] then return 'ok' end
if not string.find(' ' .. ARGV[3] .. ' ', ' ' .. status .. ' ', 1, true) then return 'refused' end
-- A delayed round does not know of the lines that a later round has fed.
local open = (tonumber(fed) or 0) - (tonumber(completed) or 0) - (tonumber(failed) or 0)
local root, to, time = KEYS[6], ARGV[4], now()
local given = {}
for at = 5, #ARGV, 2 do
  given[ARGV[at]] = ARGV[at + 1]
end
if given.ready and open > 0 then return 'refused' end
local accepted = status == 'validating' and to == 'in_progress' and tonumber(given.total)
if accepted and most_lines then
  local lines = read_use(root, tenant).lines
  if lines + accepted > tonumber(most_lines) then return lines end
end
redis.call('HSET', KEYS[1], 'movedBy', ARGV[2], unpack(ARGV, 5))
if to ~= status then
  redis.call('HSET', KEYS[1], 'status', to, 'version', version + 1)
  redis.call('HSETNX', KEYS[1], 'at:' .. to, time)
end
-- A batch that was not stopped is completed. A batch that one round stopped is not, also where a delayed round did not see that.
if to == 'finalizing' then redis.call('HSETNX', KEYS[1], 'outcome', 'completed') end
-- No line was fed of a batch that was still being validated, so its output may be written at once.
if status == 'validating' and to == 'cancelling' then redis.call('HSET', KEYS[1], 'ready', 1) end
if to == 'in_progress' then redis.call('ZADD', KEYS[3], time, ARGV[1]) end
if accepted then
  hold_lines(root, KEYS[1], tenant, accepted, time)
elseif to ~= status or given.outcome then
  -- A batch that is stopped feeds no more lines. What is on its lane ends later, and is given back when it is collected.
  give_back_lines(root, KEYS[1], math.max(open, 0), time)
end
if redis.call('HEXISTS', KEYS[1], 'ready') == 1 then redis.call('ZREM', KEYS[3], ARGV[1]) end
if to == 'failed' or to == 'completed' or to == 'expired' or to == 'cancelled' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  give_back_lines(root, KEYS[1], 0, time)
  -- A failed batch has no output. Its faults can be read for thirty days, as long as OpenAI keeps an output by default.
  local kept = to == 'failed' and 2592000 or tonumber(redis.call('HGET', KEYS[1], 'outputSeconds'))
  redis.call('ZADD', KEYS[5], time + kept * 1000, ARGV[1])
  local claim, claim_ms = unpack(redis.call('HMGET', KEYS[1], 'claim', 'claimMs'))
  if claim then redis.call('PEXPIRE', claim, math.min(tonumber(claim_ms), kept * 1000)) end
  if webhook and string.find(events, '"' .. to .. '"', 1, true) then
    redis.call('ZADD', KEYS[4], time, ARGV[1] .. ' ' .. version + 1 .. ' ' .. to)
  end
end
return 'ok'
