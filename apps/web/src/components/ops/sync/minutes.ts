const UNITS: Record<string, number> = { minute: 1, hour: 60, day: 24 * 60, week: 7 * 24 * 60 };

export const LEAST_MINUTES = 1;
export const MOST_MINUTES = 7 * 24 * 60;

/** Return the interval in minutes that a schedule in words stands for, or null where it is another kind. */
export function minutesOf(schedule: string | null): number | null {
  const match = /^every (?:([\d,]+) )?(minute|hour|day|week)s?$/.exec(schedule ?? "");
  const unit = match?.[2] ? UNITS[match[2]] : undefined;
  return match && unit ? Number((match[1] ?? "1").replaceAll(",", "")) * unit : null;
}

/** Return what is wrong with an interval that somebody typed, or null. */
export function wrongMinutes(text: string): string | null {
  const minutes = Number(text);
  if (text.trim() !== "" && Number.isInteger(minutes) && minutes >= LEAST_MINUTES && minutes <= MOST_MINUTES)
    return null;
  const allowed = `a whole number from ${LEAST_MINUTES} to ${MOST_MINUTES.toLocaleString("en-US")} (a week)`;
  return text.trim() === ""
    ? `Minutes must be ${allowed}.`
    : `Minutes must be ${allowed}, not “${text.trim()}”.`;
}
