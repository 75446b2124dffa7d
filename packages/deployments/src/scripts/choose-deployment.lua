--- @include "@darkroom/redis/scripts/now"
--- @include "asked"
--- @include "calls"
--- @include "claims"
--- @include "deployment-state"
-- Chooses the deployment for a call, and notes the call as under way and as asked for. Repeated for a call that is under way, it answers
-- the same deployment again.
--   KEYS[1…] three for each deployment: its state (see deployment-state.lua), its calls under way (see calls.lua), and what it was asked for
--   in each second (STRING, see asked.lua)
--   and as the last key STRING: the latest time that a job was told to come back at; callers and batches have one each
--   ARGV[1] names the call  ARGV[2] milliseconds for which it counts as under way without a renewal  ARGV[3] uniform in [0, 1)
--   ARGV[4] share of each limit that is left to others  ARGV[5] images
--   ARGV[6] the longest time in milliseconds that a job is told to wait
--   ARGV[7] the generation, which may claim room, or ''  ARGV[8] Unix milliseconds at which it was queued
--   ARGV[9…] six for each deployment: priority, weight, requests a minute, images a minute, calls at a time (0: no such limit), requests
-- Answers { 'chosen', its place from 1, the second, '1' where it is not at full pace or '' }, or { 'full', milliseconds after which one may
-- have room }.
local call, lease, random, share, images = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local longest, claimant, queued_at = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
-- Batches leave a share to callers, and only they do.
local claim_field = share > 0 and 'batchClaim' or 'claim'
local time = now()
local second = math.floor(time / 1000)
local count = (#KEYS - 1) / 3

-- A call takes a worker's lease at most for an hour (LOCK_DURATION_MS): what ends later is from before a clock was set back.
local longest_lease = 3600000
-- How long a call takes, where none has ended yet.
local usual_ms = 5000
-- Nobody knows when a call will end. So often one of the jobs that wait for that looks again, all of a model together.
local look_every_ms = 100

-- What this call may have of a limit.
local function usable(limit)
  return math.max(limit - math.ceil(limit * share), 1)
end

-- Which share of a limit by the minute is free (0: there is no room), and after how many milliseconds there is room.
local function look_at_minute(limit, wanted, minute, sum, place)
  if limit == 0 then return 1, 0 end
  local cap = usable(limit)
  local need = math.min(wanted, cap)
  if sum + need <= cap then return (cap - sum) / cap, 0 end
  for at = 1, #minute, 3 do
    sum = sum - minute[at + place]
    if sum + need <= cap then return 0, (minute[at] + spans) * 1000 - time end
  end
  return 0, 1000
end

-- How many calls are under way: none at a key of another type, which the next call replaces.
local function count_calls(calls)
  if not unless_wrong_type('ZREMRANGEBYSCORE', calls, '-inf', time) then return 0 end
  redis.call('ZREMRANGEBYSCORE', calls, string.format('(%d', time + longest_lease), '+inf')
  return redis.call('ZCARD', calls)
end

-- One deployment: its `priority`, its `part` of the choice (0: it has no room), the `wait` in milliseconds after which it may have room, the `gap` in
-- milliseconds between two calls that it can take, and whether the generation `may_claim` what becomes free of its minute.
local function look_at(at)
  local state, calls, asked = unpack(KEYS, 3 * at - 2, 3 * at)
  local priority, weight, by_requests, by_images, at_a_time, requests = unpack(ARGV, 6 * at + 3, 6 * at + 8)
  local stands = read_state(state, time)
  if stands.is_damaged then redis.call('DEL', state) end
  local pace, service = stands.pace, stands.service or usual_ms
  local under_way = count_calls(calls)
  local wait, gap, minute, sums = math.max(stands.closed_until - time, 0), 0, {}, { 0, 0 }

  local free = 1
  at_a_time = tonumber(at_a_time)
  local slots = at_a_time > 0 and usable(at_a_time) or nil
  if pace then slots = math.min(slots or pace, pace) end
  if slots then
    free = math.max((slots - under_way) / slots, 0)
    gap = service / slots
    if free == 0 then wait = math.max(wait, math.min(gap, look_every_ms)) end
  end
  -- Without a limit the seconds are for the operator alone.
  if by_requests ~= '0' or by_images ~= '0' then
    minute = read_asked(asked, second)
    sums = sums_of(minute)
  end
  local claim = read_claim(stands[claim_field], time)
  local is_own = claim and claim.id == claimant
  local function keep(kept)
    sums = { sums[1] + kept.requests, sums[2] + kept.images }
  end
  if claim and not is_own then keep(claim) end
  local callers_claim = share > 0 and read_claim(stands.claim, time)
  if callers_claim then keep(callers_claim) end
  local is_minute_full = false
  local limits = { { tonumber(by_requests), tonumber(requests) }, { tonumber(by_images), images } }
  for place, limit in ipairs(limits) do
    local share_left, after = look_at_minute(limit[1], limit[2], minute, sums[place], place)
    free = math.min(free, share_left)
    wait = math.max(wait, after)
    is_minute_full = is_minute_full or after > 0
    if limit[1] > 0 then gap = math.max(gap, 60000 * limit[2] / usable(limit[1])) end
  end
  if wait > 0 then free = 0 end
  return {
    at = at,
    priority = tonumber(priority),
    part = tonumber(weight) * free,
    wait = wait,
    gap = gap,
    paced = pace and '1' or '',
    state = state,
    requests = tonumber(requests),
    own = is_own and claim or nil,
    may_claim = is_minute_full and stands.closed_until <= time and (is_own or not claim and time >= stands[claim_field .. 'Rest']),
  }
end

local function take(one)
  local _, calls, asked = unpack(KEYS, 3 * one.at - 2, 3 * one.at)
  hold_call(calls, call, time, lease)
  count_asked(asked, second, second, one.requests, images)
  return { 'chosen', one.at, second, one.paced }
end

for at = 1, count do
  if type(redis.pcall('ZSCORE', KEYS[3 * at - 1], call)) == 'string' then return { 'chosen', at, second, '' } end
end

local first, open, sum = nil, {}, 0
local soonest, pace_of_all = nil, 0
local claims, to_claim = {}, nil
for at = 1, count do
  local one = look_at(at)
  if one.part > 0 and (not first or one.priority < first) then
    first, open, sum = one.priority, {}, 0
  end
  if one.part > 0 and one.priority == first then
    open[#open + 1] = one
    sum = sum + one.part
  end
  if not soonest or one.wait < soonest then soonest = one.wait end
  if one.gap > 0 then pace_of_all = pace_of_all + 1 / one.gap end
  if one.own then claims[#claims + 1] = one end
  if one.may_claim and (not to_claim or one.wait < to_claim.wait) then to_claim = one end
end
local left = random * sum
for place, one in ipairs(open) do
  left = left - one.part
  if left < 0 or place == #open then
    for _, claimed in ipairs(claims) do
      end_claim(claimed.state, claim_field, claimed.own, time)
    end
    return take(one)
  end
end

if claimant ~= '' and to_claim and math.max(images, to_claim.requests) > 1 and time - queued_at >= patience_ms then
  local since = to_claim.own and to_claim.own.since or time
  write_claim(to_claim.state, claim_field, claimant, since, time, to_claim.wait, to_claim.requests, images)
  return { 'full', math.ceil(math.min(math.max(to_claim.wait, 50), longest)) }
end

-- Jobs that find no room come back one after the other, somewhat faster than the deployments can take them, so that no room stays unused.
-- A job that would come back too late for that comes back at a time of its own in the last quarter of the longest time.
local between = pace_of_all > 0 and math.min(math.max(0.8 / pace_of_all, 10), look_every_ms) or 10
local booked = redis.pcall('GET', KEYS[#KEYS])
booked = type(booked) == 'string' and number_in(booked, time + longest) or 0
local back_at = math.max(booked + between, time + math.max(soonest or 0, 50))
if back_at - time > longest then return { 'full', math.ceil(longest * (0.75 + random / 4)) } end
redis.call('SET', KEYS[#KEYS], string.format('%d', back_at), 'PX', string.format('%d', longest))
return { 'full', math.ceil(back_at - time) }
