/** What `kv import` reads: by themselves, since the command line needs their names alone. */
export const DUMP_FORMATS = ['atoll', 'etcd', 'consul', 'redis'] as const
export type DumpFormat = (typeof DUMP_FORMATS)[number]
