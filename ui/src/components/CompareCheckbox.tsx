interface Props {
  version: number;
  chosen: number[];
  setChosen: (versions: number[]) => void;
}

/** Chooses a version of a table for a comparison of two. */
export function CompareCheckbox({ version, chosen, setChosen }: Props) {
  const checked = chosen.includes(version);
  const disabled = chosen.length >= 2 && !checked;
  return (
    <input
      type="checkbox"
      aria-label={`Compare version ${version}`}
      checked={checked}
      title={disabled ? "Two versions are chosen. Clear one to choose another." : undefined}
      disabled={disabled}
      onChange={(event) =>
        setChosen(
          event.currentTarget.checked
            ? [...chosen, version]
            : chosen.filter((other) => other !== version),
        )
      }
    />
  );
}
