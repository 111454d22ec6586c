import { lazy, Suspense, type ComponentType } from "react";

/** `next/dynamic` without Next: loads on first use, shows nothing until then. */
export default function dynamic<Props extends object>(
  load: () => Promise<ComponentType<Props> | { default: ComponentType<Props> }>,
): ComponentType<Props> {
  const Loaded = lazy(async () => {
    const found = await load();
    return "default" in found ? found : { default: found };
  }) as unknown as ComponentType<Props>;
  return function Dynamic(props: Props) {
    return (
      <Suspense fallback={null}>
        <Loaded {...props} />
      </Suspense>
    );
  };
}
