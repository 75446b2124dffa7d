--- @include "@darkroom/redis/scripts/now"
--- @include "calls"
-- Has calls count as under way for longer.
--   KEYS[1…] for each call: the calls under way of its deployment, see calls.lua
--   ARGV[1] milliseconds for which they count  ARGV[2…] for each call: what names it
-- Answers 'ok'.
local time, lease = now(), tonumber(ARGV[1])
for at, calls in ipairs(KEYS) do
  hold_call(calls, ARGV[at + 1], time, lease)
end
return 'ok'
