import { type FormEvent, useState } from "react";

/** A field for a message, which keeps the text until the message is accepted. */
export function Composer({ send }: { send: (text: string) => Promise<void> }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!text) return;
    try {
      await send(text);
      setText("");
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <form onSubmit={submit}>
      <input name="text" aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} /> <button>Send</button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  );
}
