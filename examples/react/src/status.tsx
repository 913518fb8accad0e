import { useConnection } from "@hotsock-go/react";

/** Says so while there is no connection. */
export function Status() {
  const { client, state, failure } = useConnection();
  if (state === "open") return null;
  return (
    <p role="status">
      {failure?.message ?? "Connecting …"} {state === "waiting" && <button onClick={() => client.connect()}>Try now</button>}
    </p>
  );
}
