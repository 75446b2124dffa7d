--- @include "@darkroom/redis/scripts/now"
-- Takes the next records that have ended and may be packed, for one worker. What a worker that dies has taken stays as it is.
--   KEYS[1] retained  KEYS[2] how far the records are packed: a time of `retained`  KEYS[3] the root of all names
--   ARGV[1] retention in milliseconds  ARGV[2] milliseconds for which a record is left alone after its ending  ARGV[3] about the most
-- Answers { 1 where there may be more, id, … }.
local last = now() + ARGV[1] - ARGV[2]
-- Where retention was shortened or the clock was set back, all that is new would come before what was packed last.
local from = math.min(tonumber(redis.call('GET', KEYS[2])) or 0, last)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%d', from), last, 'LIMIT', 0, ARGV[3], 'WITHSCORES')
local is_full = #found == 2 * tonumber(ARGV[3])
if is_full then
  -- All of one time are taken together, so that the next call begins behind that time.
  last = found[#found]
  local times = redis.call('ZRANGEBYSCORE', KEYS[1], last, last, 'WITHSCORES')
  while #found > 0 and found[#found] == last do
    found[#found] = nil
    found[#found] = nil
  end
  for _, each in ipairs(times) do
    found[#found + 1] = each
  end
end
local answer = { is_full and 1 or 0 }
for at = 1, #found, 2 do
  if redis.call('HEXISTS', KEYS[3] .. 'generation:' .. found[at], 'mayPack') == 1 then answer[#answer + 1] = found[at] end
end
redis.call('SET', KEYS[2], last)
return answer
