/**
 * What a layer holds. Paths are relative to the image's root, with `/` between their parts; folders carry no slash
 * at their end.
 */
export type Entry<File> = FileEntry<File> | FolderEntry | SymlinkEntry | HardLinkEntry;

/** A regular file; its bytes are read from `file` when the layer is read. */
export interface FileEntry<File> {
  readonly type: 'file';
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly executable: boolean;
  readonly file: File;
}

export interface FolderEntry {
  readonly type: 'folder';
  readonly path: string;
}

export interface SymlinkEntry {
  readonly type: 'symlink';
  readonly path: string;
  /** As it stands in the link, relative or absolute. */
  readonly linkTarget: string;
}

/** Another name of a file of the same layer. */
export interface HardLinkEntry {
  readonly type: 'hardlink';
  readonly path: string;
  /** Path of that file, whose name sorts before this one: readers must meet it first. */
  readonly linkTarget: string;
  /** As the file is: some engines set the mode once more for each name. */
  readonly executable: boolean;
}

/** A user and a group by their numbers. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export const ROOT: Owner = { uid: 0, gid: 0 };

/** The name by which a tar archive knows an entry: a folder's ends in a slash, so that it sorts before what it holds. */
export function archiveName(entry: Entry<unknown>): string {
  return entry.type === 'folder' ? `${entry.path}/` : entry.path;
}
