import { Principals } from "./Principals";

export default function ServicePrincipals() {
  return (
    <Principals
      kind="service-principals"
      noun="service principal"
      hint="The name of a job, a pipeline or a serving endpoint."
      command="modelkeep service-principals create nightly-training"
      about="Service principals are identities of programs. Create their tokens under Access tokens."
    />
  );
}
