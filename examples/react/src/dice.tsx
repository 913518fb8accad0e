import { useCall } from "@hotsock-go/react";

/** Has the server roll dice, and tell everyone. */
export function Dice({ room }: { room: string }) {
  const { call, pending, result, error } = useCall<number>("roll", { channel: room });
  return (
    <p className="dice">
      <button disabled={pending} onClick={() => call()}>Roll</button> {error?.message ?? result}
    </p>
  );
}
