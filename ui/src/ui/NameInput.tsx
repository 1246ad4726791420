import { TextInput } from "@mantine/core";

interface Props {
  description?: string;
  value: string;
  onChange: (value: string) => void;
}

/** The first field of a dialog that creates something: its name. */
export function NameInput({ onChange, ...props }: Props) {
  return (
    <TextInput
      label="Name"
      {...props}
      onChange={(event) => onChange(event.currentTarget.value)}
      required
      data-autofocus
      autoComplete="off"
    />
  );
}
