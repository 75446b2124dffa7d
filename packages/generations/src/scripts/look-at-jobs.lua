--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/queue/scripts/jobs-in-place"
-- Compares the due entries of a list with the jobs that BullMQ holds, without a look at the records. An entry whose job is in its place is due
-- again later; all others stay due, for claim-due.lua.
--   KEYS[1] list, a ZSET of ids by time  KEYS[2] begins the names of lanes
--   ARGV[1] status that the list is of: a queued generation's job waits, a running one's is held or waits
--   ARGV[2] milliseconds from an entry's time to when it is due  ARGV[3] milliseconds until an entry is due again
--   ARGV[4] the most  ARGV[5] milliseconds that nothing is due later than  ARGV[6…] lanes
-- Answers { how many were due, how many of them have no job in its place }.
local time = now()
local before = time - ARGV[2]
-- An entry that is due later than that was written before the clock was set back.
local ahead = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%d', time + ARGV[5]), '+inf', 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ahead) do
  redis.call('ZADD', KEYS[1], before, id)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, ARGV[4])
local found = {}
for at = 6, #ARGV do
  local lane = KEYS[2] .. ARGV[at] .. ':'
  if ARGV[1] == 'running' then find_locked(lane, due, found) end
  find_waiting(lane, due, found)
end
-- At least a millisecond: what is still due comes before it.
local again, rested = before + math.max(ARGV[3], 1), {}
for id in pairs(found) do
  rested[#rested + 1] = again
  rested[#rested + 1] = id
end
if #rested > 0 then redis.call('ZADD', KEYS[1], 'XX', unpack(rested)) end
return { #due, #due - #rested / 2 }
