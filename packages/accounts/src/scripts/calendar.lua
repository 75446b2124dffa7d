-- The UTC day of a time in Unix milliseconds, '2026-11-22', and the milliseconds until the next day and the next month.
-- Lua in Redis has no calendar. Days to a date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.

local day_ms = 86400000

local function calendar(ms)
  local days = math.floor(ms / day_ms) + 719468
  local era = math.floor(days / 146097)
  local of_era = days - era * 146097
  local year_of_era = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  -- Years begin in March here, so that the leap day is the last.
  local of_year = of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
  local from_march = math.floor((5 * of_year + 2) / 153)
  local day = of_year - math.floor((153 * from_march + 2) / 5) + 1
  local month = from_march < 10 and from_march + 3 or from_march - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02d', year, month, day)
end

local function until_tomorrow(ms)
  return day_ms - ms % day_ms
end

local function until_next_month(ms)
  local month = string.sub(calendar(ms), 1, 7)
  local rest = until_tomorrow(ms)
  while string.sub(calendar(ms + rest), 1, 7) == month do
    rest = rest + day_ms
  end
  return rest
end
