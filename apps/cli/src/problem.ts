/** Something that the person at the keyboard can put right. Its message is a sentence for them; they see no stack trace. */
export class Problem extends Error {
  override name = "Problem";
}
