-- Appends a record to the log, unless its topic is finished or it was appended before.
--
-- KEYS  the log; the finished topics, with the time of the mark that says so; optionally where a key is remembered
-- ARGV  the bound (MAXLEN or MINID); its threshold (entries, or the age in ms); for how long a key is remembered, in ms;
--       the mark of the record, or nothing; its topic, whose name may be empty, unless the mark is `begin`; then the
--       fields

local log, finished, once = KEYS[1], KEYS[2], KEYS[3]
local bound, threshold, remembered, mark, topic = unpack(ARGV, 1, 5)

local function millis(id)
  return tonumber(string.match(id, '^%d+'))
end

local function oldest()
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  return first and millis(first[1])
end

if once then
  local id = redis.call('GET', once)
  if id then
    return id
  end
end

if mark ~= 'begin' then
  local at = redis.call('ZSCORE', finished, topic)
  if at then
    local first = oldest()
    if first and tonumber(at) >= first then
      return false
    end
    -- The mark has left the log, so new nodes know nothing of it.
    redis.call('ZREM', finished, topic)
  end
end

if bound == 'MINID' then
  local now = redis.call('TIME')
  threshold = string.format('%.0f', math.max(0, tonumber(now[1]) * 1000 - tonumber(threshold)))
end
local id = redis.call('XADD', log, bound, '~', threshold, '*', unpack(ARGV, 6))

if mark == 'finish' then
  redis.call('ZADD', finished, string.format('%.0f', millis(id)), topic)
  redis.call('ZREMRANGEBYSCORE', finished, '-inf', '(' .. string.format('%.0f', oldest()))
end
if once then
  redis.call('SET', once, id, 'PX', remembered)
end
return id
