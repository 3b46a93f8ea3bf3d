-- How a limiter is usually written: one call for each person, one command for each thing that is looked at.
--
-- KEYS: the person's pace, count and proof. ARGV: emission interval and burst, limit, the proof's life in ms.
-- Answers 0 admitted, -1 already spent, -2 over the quota, above 0 the wait in microseconds. With more than
-- one person, KEYS and ARGV repeat, and one call decides them in a loop: batched, but not vectorised.

local answers = {}
for i = 0, #KEYS / 3 - 1 do
  local pace, count, proof = KEYS[i * 3 + 1], KEYS[i * 3 + 2], KEYS[i * 3 + 3]
  local interval, burst = tonumber(ARGV[i * 4 + 1]), tonumber(ARGV[i * 4 + 2])
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local arrival = math.max(now, tonumber(redis.call('GET', pace) or 0))
  local wait = arrival - interval * (burst - 1) - now
  if wait > 0 then
    answers[i + 1] = wait
  elseif tonumber(redis.call('GET', count) or 0) >= tonumber(ARGV[i * 4 + 3]) then
    answers[i + 1] = -2
  elseif not redis.call('SET', proof, '1', 'NX', 'PX', ARGV[i * 4 + 4]) then
    answers[i + 1] = -1
  else
    redis.call('SET', pace, string.format('%.0f', arrival + interval))
    redis.call('PEXPIRE', pace, math.ceil(interval * burst / 1000))
    answers[i + 1] = 0
  end
end
return answers
