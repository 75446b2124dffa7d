--- @include "@darkroom/redis/scripts/now"
--- @include "rate-limit"
-- Counts requests of any kind of an API key, and the bytes of bodies that were refused, in a window of their own: see rate-limit.lua.
--   KEYS[1] the window
--   ARGV[1] the limit  ARGV[2] requests that an api process has let through  ARGV[3] bytes of bodies that were refused
--   ARGV[4] requests that wait to be let through
-- Answers { how many of these are let through, requests in the last minute, milliseconds until one more may pass, milliseconds until no
-- request counts any more, bytes in the last minute, milliseconds until no byte counts any more }.
local window, limit, passed, bytes, asked = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = now()
local used = count_window(window, time) + passed
local granted = math.max(math.min(asked, limit - used), 0)
if passed + granted + bytes > 0 then note_admission(window, time, bytes, passed + granted) end

local requests, refused, reset = count_window(window, time)
local wait = requests >= limit and wait_for(window, time, 'requests', limit, 1) or 0
local forgiven = refused > 0 and wait_for(window, time, 'images', 0, 0) or 0
return { granted, requests, wait, reset, refused, forgiven }
