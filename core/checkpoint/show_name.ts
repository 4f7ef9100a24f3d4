/**
 * Names from files, made fit for a message.
 *
 * @module
 */

const LONGEST = 120;

/**
 * A tensor or file name as it may stand in an error: control and invisible characters are written as
 * escapes and a very long name is cut, so that a hostile file cannot write to the terminal or break
 * the one line of a message.
 */
export function showName(name: string): string {
  if (name === "") return '""';
  const cut = name.length > LONGEST ? `${name.slice(0, LONGEST)}...` : name;
  return cut.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
  );
}
