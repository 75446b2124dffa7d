--- @function move_stalled_jobs_to_wait "bullmq/dist/cjs/scripts/moveStalledJobsToWait-9.js"
-- Puts jobs of a lane whose worker fell silent back in line, by BullMQ's own script: those that it held at the check before, and whose lock has
-- not been renewed since and has run out.
--   KEYS[1] begins the names of what BullMQ keeps of the lane
--   ARGV[1] Unix milliseconds by the clock of the worker  ARGV[2] milliseconds for which no other check is made
-- Answers the ids of the jobs.

-- What BullMQ (6.7) calls the keys of that script, in their order.
local check_keys = { 'stalled', 'wait', 'active', 'stalled-check', 'meta', 'paused', 'marker', 'events', 'repeat' }
-- Records count the tries. BullMQ's limit would fail a job without a trace in its record.
local max_stalled_count = 1000000

local names = {}
for at, kind in ipairs(check_keys) do
  names[at] = KEYS[1] .. kind
end
return move_stalled_jobs_to_wait(names, { max_stalled_count, KEYS[1], ARGV[1], ARGV[2] })
