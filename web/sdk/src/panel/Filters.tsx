// The row of filters. What is typed takes effect after a moment of rest, so that not each letter is a request.

import { type InputHTMLAttributes, useEffect, useId, useState } from 'react';
import { type PerformanceView, STAGES } from './view.js';

const REST_MS = 300;

/** Filters by search, lens, stage and least number of impressions. */
export function Filters({
  view,
  lenses,
  onChange,
}: {
  view: PerformanceView;
  /** Lens ids to propose. */
  lenses: readonly string[];
  onChange: (change: Partial<PerformanceView>) => void;
}) {
  const list = useId();
  return (
    <div className="ptp-filters">
      <TypedField
        label="Search"
        type="search"
        placeholder="Part of an id"
        value={view.search}
        onSettled={search => onChange({ search })}
      />
      <TypedField
        label="Lens"
        type="search"
        placeholder="Any"
        list={list}
        value={view.lens}
        onSettled={lens => onChange({ lens })}
      />
      <datalist id={list}>
        <option value="none">without a lens</option>
        {lenses.map(lens => (
          <option key={lens}>{lens}</option>
        ))}
      </datalist>
      <label>
        Stage
        <select value={view.stage} onChange={({ target }) => onChange({ stage: target.value })}>
          <option value="">Any</option>
          {STAGES.map(stage => (
            <option key={stage}>{stage}</option>
          ))}
        </select>
      </label>
      <TypedField
        label="Shown at least"
        type="number"
        min={0}
        placeholder="0"
        value={view.minImpressions ? String(view.minImpressions) : ''}
        onSettled={text => onChange({ minImpressions: Math.max(0, Math.floor(Number(text))) })}
      />
    </div>
  );
}

interface TypedFieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  value: string;
  onSettled: (text: string) => void;
}

function TypedField({ label, value, onSettled, ...input }: TypedFieldProps) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  // Changed from elsewhere: by the URL, or by "clear filters".
  if (value !== known) {
    setKnown(value);
    setTyped(value);
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: another callback is no reason to wait anew
  useEffect(() => {
    if (typed === known) return;
    const timer = setTimeout(() => onSettled(typed), REST_MS);
    return () => clearTimeout(timer);
  }, [typed, known]);
  return (
    <label>
      {label}
      <input {...input} maxLength={256} value={typed} onChange={({ target }) => setTyped(target.value)} />
    </label>
  );
}
