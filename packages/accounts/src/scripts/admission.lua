--- @include "calendar"
--- @include "rate-limit"
--- @include "account"
-- Decides whether a generation is admitted.

-- What a generation needs from its key: current limits and budget, images, the most that it can cost. '-' = none, or unknown.
local function read_asks(text)
  local asks, names = {}, { 'requests', 'images', 'concurrent', 'queued', 'day', 'month', 'total', 'wanted', 'worst' }
  local at = 0
  for word in string.gmatch(text, '%S+') do
    at = at + 1
    asks[names[at]] = tonumber(word)
  end
  return asks
end

local function refusal(reason, wait, left, window, time)
  local requests, images, reset = count_window(window, time)
  return { 'refused', reason, wait, left, requests, images, reset }
end

-- The first budget that has no room for the worst case beside what is spent and `reserved`, and what is left of it. Nil where all have room.
-- A request without a known price fits in no budget.
local function exceeded_budget(asks, is, reserved)
  for _, name in ipairs({ 'total', 'month', 'day' }) do
    local left = asks[name] and asks[name] - is[name] - reserved
    if left and (not asks.worst or asks.worst > left) then return name, math.max(left, 0) end
  end
end

local function reserve(account, worst)
  if worst and worst > 0 then redis.call('HINCRBY', account, 'reserved', worst) end
end

-- Counts a generation in the account of its key, or answers why it is refused: { 'refused', what is exceeded, the milliseconds until there
-- is room (0 = never, or unknown), what is left of it, and the window as `count_window` answers it }.
local function admit(root, key, text, time)
  local asks = read_asks(text)
  local account, window = root .. 'account:' .. key, root .. 'account-window:' .. key
  local counted = asks.requests or asks.images

  if counted or asks.concurrent or asks.queued or asks.day or asks.month or asks.total then
    local is = read_account(account, time)
    local name, left = exceeded_budget(asks, is, is.reserved)
    if name then
      local reset = ({ month = until_next_month, day = until_tomorrow })[name]
      return refusal(name, reset and reset(time) or 0, left, window, time)
    end
    if asks.queued and is.queued >= asks.queued then return refusal('queued', 0, 0, window, time) end
    if asks.concurrent and is.active >= asks.concurrent then return refusal('concurrent', 0, 0, window, time) end
    if counted then
      local requests, images = count_window(window, time)
      local until_request, until_images = 0, 0
      if asks.requests and requests + 1 > asks.requests then until_request = wait_for(window, time, 'requests', asks.requests, 1) end
      if asks.images and images + asks.wanted > asks.images then
        until_images = wait_for(window, time, 'images', asks.images, asks.wanted)
      end
      -- Where both limits refuse, the answer names the one that refuses for longer, which says when the request would be accepted. A limit
      -- may have been lowered below what is used.
      if until_images > until_request then return refusal('images', until_images, math.max(asks.images - images, 0), window, time) end
      if until_request > 0 then return refusal('requests', until_request, 0, window, time) end
      note_admission(window, time, asks.wanted)
    end
  end

  redis.call('HINCRBY', account, 'active', 1)
  redis.call('HINCRBY', account, 'queued', 1)
  reserve(account, asks.worst)
  return nil
end

-- Counts a line of a batch in the account of its key. Answers 'accepted'; 'refused' where what is spent leaves no room for it; or 'waits'
-- where there is room when enough reserved generations have ended for less than their worst case. Only the budget applies to a line:
-- the window of its batch bounds the rest, and it is not counted with the generations that callers wait for.
local function admit_line(root, key, text, time)
  local asks, account = read_asks(text), root .. 'account:' .. key
  if asks.day or asks.month or asks.total then
    local is = read_account(account, time)
    if exceeded_budget(asks, is, 0) then return 'refused' end
    if exceeded_budget(asks, is, is.reserved) then return 'waits' end
  end
  reserve(account, asks.worst)
  return 'accepted'
end

-- The window of an admitted generation's key, for the headers of its answer; empty where no limit counts.
local function told_window(root, key, text, time)
  if string.sub(text, 1, 4) == '- - ' then return {} end
  return { count_window(root .. 'account-window:' .. key, time) }
end
