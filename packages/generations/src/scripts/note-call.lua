--- @include "@darkroom/redis/scripts/now"
-- Records a call of a deployment: before it is made, and again, in place of that, when it has ended. It is safe to repeat.
--   KEYS[1] record, in which `calls` is one call a line, the latest last: Unix milliseconds at which it was begun, and JSON
--   ARGV[1] fencing token  ARGV[2] JSON  ARGV[3] '1' where the call has ended  ARGV[4] '1' where it has ended and may have been charged
--   ARGV[5] how many calls are kept
-- Answers 'ok', or 'fenced' where the attempt may not write any more.
local status, attempts, calls = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'calls'))
if status ~= 'running' or attempts ~= ARGV[1] then return 'fenced' end
local lines = {}
for line in string.gmatch(calls or '', '[^\n]+') do
  lines[#lines + 1] = line
end
-- An attempt asks a deployment once. So where the latest call is noted as this one is, the answer to the note was lost.
local latest = lines[#lines]
local is_again = latest and string.match(latest, '^%d+ (.*)$') == ARGV[2]
local since = string.format('%d', now())
if latest and (ARGV[3] == '1' or is_again) then since = string.match(table.remove(lines), '^%d+') or since end
lines[#lines + 1] = since .. ' ' .. ARGV[2]
while #lines > tonumber(ARGV[5]) do
  table.remove(lines, 1)
end
redis.call('HSET', KEYS[1], 'calls', table.concat(lines, '\n'))
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'inDoubt', '1') end
return 'ok'
