--- @include "ending"
--- @include "supersede"
--- @include "@darkroom/queue/scripts/finish-job"
-- Ends a generation with the outcome of its attempt, and takes the job of the attempt off its lane. Only the latest attempt may end it, and
-- only once. A repeated call gets the same answer again, but for the job.
--   KEYS[9] begins the names of what BullMQ keeps of the lane
--   ARGV[1] id  ARGV[2] fencing token  ARGV[3] status  ARGV[4] retention in milliseconds  ARGV[5] bill, see ledger.lua
--   ARGV[6…10] the worker, and whether it takes another job: see finish-job.lua  ARGV[11…] field, value, …
-- Answers { 'ok', 'gone' where there is no record, 'fenced' where the attempt may not write any more, or 'ended' where another ending came
-- first; what `finish_job` answers, or { 'kept' } where the generation is queued again and needs the job }

-- Also answers whether the generation is queued, for another life.
local function end_attempt()
  local status, attempts, noted, superseded = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'delivery', 'superseded'))
  if not status then return 'gone' end
  if attempts ~= ARGV[2] then return 'fenced', status == 'queued' end
  -- Only an attempt ends a generation as succeeded or failed.
  if status == ARGV[3] then return 'ok' end
  if is_ending(status) then return 'ended' end
  -- It was canceled during the attempt and queued again. Only an attempt of the new life may end it.
  if status ~= 'running' then return 'fenced', true end
  local fields = { unpack(ARGV, 11) }
  for at = 11, #ARGV, 2 do
    local kept = ARGV[at] == 'delivery' and superseded_by(ARGV[at + 1], noted, superseded)
    if kept then
      fields[#fields + 1] = 'superseded'
      fields[#fields + 1] = kept
    end
  end
  end_generation(ARGV[1], ARGV[3], ARGV[4], fields, ARGV[5])
  return 'ok'
end

-- The ending first: what refuses it must leave the job. Where the owner has queued the generation again, nothing has added a job beside
-- this one, so it stays.
local verdict, is_queued = end_attempt()
if is_queued then return { verdict, { 'kept', {} } } end
return { verdict, finish_job(KEYS[9], ARGV[1], { unpack(ARGV, 6, 9) }, ARGV[10]) }
