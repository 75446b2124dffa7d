--- @include "@darkroom/redis/scripts/now"
-- Has calls count as under way for longer.
--   KEYS[1…] for each call: the calls under way of its deployment, see choose-deployment.lua
--   ARGV[1] milliseconds for which they count  ARGV[2…] for each call: what names it
-- Answers 'ok'.
local ends = string.format('%d', now() + ARGV[1])
for at, calls in ipairs(KEYS) do
  redis.call('ZADD', calls, ends, ARGV[at + 1])
  redis.call('PEXPIRE', calls, ARGV[1])
end
return 'ok'
