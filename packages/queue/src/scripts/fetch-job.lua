--- @include "next-job"
-- Gives a worker the next job of a lane, with the hash that belongs to the job.
--   KEYS[1] begins the names of what BullMQ keeps of the lane
--   ARGV[1…4] token, milliseconds that a lock lasts, time, how the name of the hash begins: see next-job.lua
-- Answers as `next_job` does.
return next_job(KEYS[1], ARGV)
