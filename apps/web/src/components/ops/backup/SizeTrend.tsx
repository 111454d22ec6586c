import { formatBytes } from "../data/formatting";
import type { TrendPoint } from "../data/schema.generated";
import { kindWord } from "./words";

const HEIGHT = 32;
const BAR = 5;
const GAP = 2;

/** The sizes of the last backups of a kind as bars, and the same in words. One backup alone is no trend. */
export function SizeTrend({ kind, points }: { kind: string; points: TrendPoint[] }) {
  const known = points.filter(
    (point): point is TrendPoint & { size_bytes: number } => point.size_bytes !== null,
  );
  const last = known[known.length - 1];
  if (known.length < 2 || !last) return null;
  const sizes = known.map((point) => point.size_bytes);
  const least = Math.min(...sizes);
  const most = Math.max(...sizes);
  const words = `Last ${known.length} sizes: ${formatBytes(least)} to ${formatBytes(most)}, newest ${formatBytes(last.size_bytes)}`;
  return (
    <figure className="mt-2">
      <svg
        role="img"
        aria-label={`${kindWord(kind)} backups. ${words}.`}
        viewBox={`0 0 ${points.length * (BAR + GAP)} ${HEIGHT}`}
        width={points.length * (BAR + GAP)}
        height={HEIGHT}
        className="max-w-full text-foreground/60"
      >
        {points.map((point, index) => {
          if (point.size_bytes === null) return null;
          const height = Math.max(1, most === 0 ? 1 : (point.size_bytes / most) * HEIGHT);
          return (
            <rect
              key={point.id}
              x={index * (BAR + GAP)}
              y={HEIGHT - height}
              width={BAR}
              height={height}
              fill="currentColor"
            />
          );
        })}
      </svg>
      <figcaption aria-hidden="true" className="text-xs text-muted-foreground">
        {words}
      </figcaption>
    </figure>
  );
}
