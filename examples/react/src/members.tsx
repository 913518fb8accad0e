import { usePresence } from "@hotsock-go/react";

export function Members({ room }: { room: string }) {
  const { members } = usePresence(room);
  return <p className="members">Here: {members.map(({ uid }) => uid).join(", ")}</p>;
}
