using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using Dapper;

namespace Postrider.Storage;

/// <summary>How .NET values stand in the database: Guid as BLOB(16) big-endian, instants as INTEGER UTC microseconds, bool as 0 or 1, snake_case columns.</summary>
internal static class StoredTypes
{
    /// <summary>Makes a record struct over a Guid usable as a parameter and a column. Called once per id type, from the folder that owns it.</summary>
    public static void AddId<T>(Func<Guid, T> wrap, Func<T, Guid> unwrap) where T : struct =>
        SqlMapper.AddTypeHandler(new IdHandler<T>(wrap, unwrap));

    public static long Micros(DateTimeOffset instant) => (instant.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset Instant(long micros) => DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond);

    // Dapper keeps its handlers in static tables: they must be there before the first query of any test or host.
    [ModuleInitializer]
    internal static void Register()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        foreach (var type in (Type[])[typeof(Guid), typeof(Guid?), typeof(DateTimeOffset), typeof(DateTimeOffset?), typeof(bool), typeof(bool?), typeof(int), typeof(int?)])
            SqlMapper.RemoveTypeMap(type);
        SqlMapper.AddTypeHandler(new IdHandler<Guid>(id => id, id => id));
        SqlMapper.AddTypeHandler(new InstantHandler());
        SqlMapper.AddTypeHandler(new BoolHandler());
        SqlMapper.AddTypeHandler(new IntHandler());
    }

    private sealed class IdHandler<T>(Func<Guid, T> wrap, Func<T, Guid> unwrap) : SqlMapper.TypeHandler<T> where T : struct
    {
        public override T Parse(object value) => wrap(new Guid((byte[])value, bigEndian: true));

        public override void SetValue(IDbDataParameter parameter, T value)
        {
            parameter.DbType = DbType.Binary;
            parameter.Value = unwrap(value).ToByteArray(bigEndian: true);
        }
    }

    private sealed class InstantHandler : SqlMapper.TypeHandler<DateTimeOffset>
    {
        public override DateTimeOffset Parse(object value) => Instant((long)value);

        public override void SetValue(IDbDataParameter parameter, DateTimeOffset value)
        {
            parameter.DbType = DbType.Int64;
            parameter.Value = Micros(value);
        }
    }

    // Without these two Dapper cannot call a record's constructor: SQLite's integers are all Int64.
    private sealed class BoolHandler : SqlMapper.TypeHandler<bool>
    {
        public override bool Parse(object value) => Convert.ToInt64(value, CultureInfo.InvariantCulture) != 0;

        public override void SetValue(IDbDataParameter parameter, bool value)
        {
            parameter.DbType = DbType.Int64;
            parameter.Value = value ? 1L : 0L;
        }
    }

    private sealed class IntHandler : SqlMapper.TypeHandler<int>
    {
        public override int Parse(object value) => checked((int)Convert.ToInt64(value, CultureInfo.InvariantCulture));

        public override void SetValue(IDbDataParameter parameter, int value)
        {
            parameter.DbType = DbType.Int64;
            parameter.Value = (long)value;
        }
    }
}
