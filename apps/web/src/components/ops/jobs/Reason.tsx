"use client";

import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

interface Props {
  id: string;
  value: string;
  onChange: (value: string) => void;
  hint: string;
  required?: boolean;
  /** It was sent without. */
  missing?: boolean;
}

/** Why somebody acts: the audit log keeps it. */
export function Reason({ id, value, onChange, hint, required = false, missing = false }: Props) {
  return (
    <div className="space-y-1">
      <Label htmlFor={id}>Reason</Label>
      <Input
        id={id}
        value={value}
        // The API takes no more.
        maxLength={1000}
        required={required}
        aria-required={required}
        aria-invalid={missing}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-hint`} className={missing ? "text-sm text-destructive" : "text-sm text-muted-foreground"}>
        {missing ? "Enter a reason." : hint}
      </p>
    </div>
  );
}
